"""JetStream with a file store: publishing with at most 4,000 messages unacknowledged, spoken in its text protocol."""
import json, socket, time

from kit import Process, Unmeasured, free_port


def publish(bench):
    """Million messages a second of 250 bytes, acknowledged."""
    port, count, batch, rates = free_port(), 100_000, 1000, []
    with Process(["nats-server", "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", bench.fresh("nats")], bench.folder) as server:
        until = time.monotonic() + 20
        while True:
            try:
                wire = socket.create_connection(("127.0.0.1", port), timeout=30)
                break
            except OSError:
                if time.monotonic() > until or server.child.poll() is not None:
                    raise Unmeasured("nats-server did not start")
                time.sleep(0.02)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.sendall(b'CONNECT {"verbose":false}\r\nSUB acks.* 1\r\nPING\r\n')
        data = b""

        def until_seen(word, times):
            nonlocal data
            while data.count(word) < times:
                chunk = wire.recv(1 << 16)
                if not chunk:
                    raise Unmeasured("nats-server hung up")
                data += chunk

        until_seen(b"PONG", 1)
        body = b"x" * 250
        for turn in range(1 if bench.quick else 3):
            name = f"bench{turn}"
            stream = json.dumps({"name": name, "subjects": [name], "storage": "file", "retention": "limits", "num_replicas": 1}).encode()
            data = b""
            wire.sendall(f"PUB $JS.API.STREAM.CREATE.{name} acks.create {len(stream)}\r\n".encode() + stream + b"\r\n")
            until_seen(b"MSG acks.create", 1)
            many = (f"PUB {name} acks.p 250\r\n".encode() + body + b"\r\n") * batch
            data, unseen, clock = b"", 0, time.monotonic()
            for _ in range(count // batch):
                wire.sendall(many)
                unseen += batch
                while unseen > 3 * batch:
                    until_seen(b"MSG acks.p", batch)
                    data, unseen = data[data.rfind(b"MSG acks.p") + 10:], unseen - data.count(b"MSG acks.p")
            if unseen > 0:
                until_seen(b"MSG acks.p", unseen)
            rates.append(count / (time.monotonic() - clock) / 1e6)
        wire.close()
    return rates
