// Starting touches most of the program once: loading packs, linking libraries, recovering. What of it an idle engine
// never runs again stays mapped and counts as its memory. Linking it in another order was tried first: it is scattered
// over all of it, and the kernel maps sixteen pages around each one that is touched.
#pragma once

namespace tidewatch {

// Gives back the pages of code, of the program and its libraries; what runs on is mapped again from the page cache,
// some hundred times a microsecond. Data is not touched.
void give_back_code_pages();

}  // namespace tidewatch
