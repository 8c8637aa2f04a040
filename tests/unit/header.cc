// Carries the precompiled header every test reuses.
