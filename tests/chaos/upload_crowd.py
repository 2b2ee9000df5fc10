#!/usr/bin/env python3
"""Two thousand streams that stand still, a slow OSS, and a few that live: memory stays bounded and the living finish. Run by with_services.sh."""
import argparse
import asyncio
import os
import pathlib
import random
import re
import sys
import urllib.request

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from upload_chaos import PB, RPC, RUN, mint  # noqa: E402  pylint: disable=wrong-import-position

BUDGET = 256 << 20
CHANNELS = 20
PEOPLE = 100


def resident_most():
    """VmHWM in bytes of the gateway that with_services.sh started."""
    pid = (RUN / "gateway.pid").read_text().strip()
    return int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) << 10


def order(query, method="POST"):
    urllib.request.urlopen(urllib.request.Request(f"{os.environ['SLUICE_SANDBOX_ADMIN']}/faults?{query}", method=method), timeout=20).close()


async def stand_still(stub, metadata, number, stalled, seen):
    """Opens an upload, sends nothing or a little more than a slot, and waits to be told something."""
    call = stub.Upload(metadata=metadata, timeout=600)
    try:
        await call.write(PB.UploadRequest(start=PB.StartUploadRequest(path=f"crowd/still-{number}", overwrite=True)))
        await call.read()
        seen["open"] += 1
        if stalled:
            await call.write(PB.UploadRequest(chunk=PB.Chunk(offset=0, data=random.Random(number).randbytes(300 * 1024))))
        while await call.read() != grpc.aio.EOF:
            pass
        code = await call.code()
        reason = str(await call.details())
        seen[f"{code.name}: {reason[:60]}"] = seen.get(f"{code.name}: {reason[:60]}", 0) + 1
    except (grpc.aio.AioRpcError, asyncio.CancelledError) as error:
        if isinstance(error, grpc.aio.AioRpcError):
            key = f"{error.code().name}: {error.details()[:60]}"
            seen[key] = seen.get(key, 0) + 1
    finally:
        call.cancel()


async def live(address, metadata, number, size, done):
    """One upload that goes on until its object is there, whatever it is told meanwhile."""
    data = random.Random(1000 + number).randbytes(size)
    upload_id, committed = None, 0
    async with grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub = RPC.UploadGatewayStub(channel)
        while True:
            call = stub.Upload(metadata=metadata, timeout=300)
            try:
                first = PB.UploadRequest(upload_id=upload_id) if upload_id else PB.UploadRequest(
                    start=PB.StartUploadRequest(path=f"crowd/live-{number}", size_bytes=size, overwrite=True, request_id=f"live-{number}"))
                await call.write(first)
                answer = await call.read()
                if answer != grpc.aio.EOF:
                    upload_id, committed = answer.started.upload_id or upload_id, answer.committed_bytes
                    at = committed
                    while at < size:
                        await call.write(PB.UploadRequest(chunk=PB.Chunk(offset=at, data=data[at:at + (1 << 20)])))
                        at += 1 << 20
                    await call.write(PB.UploadRequest(finish=PB.Finish()))
                    while True:
                        answer = await call.read()
                        if answer == grpc.aio.EOF:
                            break
                        if answer.HasField("object"):
                            done.append(number)
                            return
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                pass
            call.cancel()
            await asyncio.sleep(0.5)


async def run(streams, living):
    address = os.environ["SLUICE_GATEWAY"]
    # Many people: one would be held back by the broker.
    people = [(("authorization", "Bearer " + mint(f"crowd{n}", "sluice-gateway")),) for n in range(PEOPLE)]
    seen, done = {"open": 0}, []
    channels = [grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) for _ in range(CHANNELS)]
    stubs = [RPC.UploadGatewayStub(channel) for channel in channels]
    idle = [asyncio.create_task(stand_still(stubs[n % CHANNELS], people[n % PEOPLE], n, n % 2 == 1, seen)) for n in range(streams)]
    for _ in range(600):
        if seen["open"] + sum(task.done() for task in idle) >= streams:
            break
        await asyncio.sleep(0.1)
    opened = seen["open"]
    order("service=oss&kind=latency&value=5s&operation=part")
    await asyncio.wait_for(asyncio.gather(*(live(address, people[n], n, 12 << 20, done) for n in range(living))), 300)
    order("service=oss", "DELETE")
    still = sum(not task.done() for task in idle)
    for task in idle:
        task.cancel()
    await asyncio.gather(*idle, return_exceptions=True)
    for channel in channels:
        await channel.close()
    return opened, still, seen, done


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--living", type=int, default=8)
    asked = parser.parse_args()
    opened, still, seen, done = asyncio.run(run(asked.streams, asked.living))
    resident = resident_most()
    print(f"{opened} of {asked.streams} streams stood open, {still} of them to the end; {len(done)} of {asked.living} living ones finished")
    for told, count in sorted(seen.items()):
        if told != "open":
            print(f"  {count} were told {told}")
    print(f"resident at most {resident / (1 << 20):.0f} MiB")
    print(f"ratio crowd_resident_vs_bound {resident / (BUDGET + (64 << 20)):.3g}")
    failed = [what for what, bad in (("not all streams could be opened", opened < asked.streams * 0.98),
                                     ("a living upload did not finish", len(done) < asked.living),
                                     ("more memory than the budget and 64 MiB", resident > BUDGET + (64 << 20))) if bad]
    for line in failed:
        print("FAILED " + line)
    print(f"Ran {1} test in 0s" if not failed else f"FAILED (failures={len(failed)})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
