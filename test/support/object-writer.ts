import { createHash, randomBytes, randomInt } from "node:crypto";
import { Readable } from "node:stream";
import { ObjectMissing, UploadMissing } from "../../platform/objects/index.ts";
import { openDiskStore } from "../../platform/objects/disk.ts";

// A process of its own that writes to a disk store in every way, on few keys, until it is killed.
const store = await openDiskStore(process.argv[2]!);
const KEYS = ["live", "live/below", "a", "b", "c"];

const anyKey = () => KEYS[randomInt(KEYS.length)]!;
const content = () => {
  const bytes = randomBytes(randomInt(1, 300_000));
  return { bytes, metadata: { sha256: createHash("sha256").update(bytes).digest("hex") } };
};

async function put(): Promise<void> {
  const { bytes, metadata } = content();
  const chunks = [bytes.subarray(0, 1000), bytes.subarray(1000)];
  await store.put(anyKey(), Readable.from(chunks), { metadata });
}

async function putInParts(): Promise<void> {
  const { bytes, metadata } = content();
  const upload = await store.startParts(anyKey(), { metadata });
  const parts = [
    await store.putPart(upload, 2, bytes.subarray(1000)),
    await store.putPart(upload, 1, bytes.subarray(0, 1000)),
  ];
  await store.completeParts(upload, parts);
}

const STEPS = [
  put,
  put,
  putInParts,
  () => store.copy(anyKey(), anyKey()),
  () => store.delete(anyKey()),
];

async function work(): Promise<void> {
  for (;;) {
    try {
      await STEPS[randomInt(STEPS.length)]!();
    } catch (error) {
      if (!(error instanceof ObjectMissing || error instanceof UploadMissing)) throw error;
    }
  }
}

process.stdout.write("writing\n");
await Promise.all([work(), work(), work()]);
