import { cutMark, cutText } from "./lines.ts";
import { createRedactor } from "./redaction.ts";

/** Where a step's log goes and what must not be in it. */
export interface StepLogSettings {
  /** The first half is written as it comes; of the rest, the last half at the end. */
  limitBytes: number;
  /** Secret values; whatever looks like a token is blanked out too. */
  redact: readonly string[];
  /** Called with whole lines, in order, one call at a time. */
  write: (text: string) => Promise<void>;
  /** The longest a line waits for others (default 250). */
  flushMs?: number;
}

/** What a step says while it runs. */
export interface StepLog {
  line(text: string): void;
  /** Writes what is left; throws what a write threw. */
  close(): Promise<{ bytes: number; cutBytes: number }>;
}

const BATCH_BYTES = 16 * 1024;

/** A log of at most `limitBytes`, with its head and tail kept and the cut between them marked. */
export function openStepLog({
  limitBytes,
  redact,
  write,
  flushMs = 250,
}: StepLogSettings): StepLog {
  const redactor = createRedactor(redact);
  const batches = createBatches(write, flushMs);
  const halfBytes = Math.floor(limitBytes / 2);
  const tail = createTail(limitBytes - halfBytes);
  let headBytes = 0;
  let headIsFull = false;

  return {
    line(text) {
      const line = `${cutText(redactor(text), BATCH_BYTES)}\n`;
      const bytes = Buffer.byteLength(line);
      headIsFull ||= headBytes + bytes > halfBytes;
      if (headIsFull) {
        tail.add(line, bytes);
        return;
      }
      headBytes += bytes;
      batches.add(line, bytes);
    },
    async close() {
      const { lines, bytes, cutBytes } = tail.end();
      if (cutBytes > 0) batches.add(`${cutMark(cutBytes)}\n`, 0);
      for (const line of lines) batches.add(line, Buffer.byteLength(line));
      await batches.close();
      return { bytes: headBytes + bytes, cutBytes };
    },
  };
}

/** Keeps the last lines that fit. */
function createTail(limitBytes: number) {
  let lines: string[] = [];
  let first = 0;
  let bytes = 0;
  let cutBytes = 0;

  return {
    add(line: string, lineBytes: number): void {
      lines.push(line);
      bytes += lineBytes;
      while (bytes > limitBytes && first < lines.length) {
        const gone = Buffer.byteLength(lines[first++]!);
        bytes -= gone;
        cutBytes += gone;
      }
      if (first > 1024 && first * 2 > lines.length) [lines, first] = [lines.slice(first), 0];
    },
    end: () => ({ lines: lines.slice(first), bytes, cutBytes }),
  };
}

/** Collects lines and writes them in order, one write at a time. After a write has failed it takes no more. */
function createBatches(write: (text: string) => Promise<void>, flushMs: number) {
  let batch = "";
  let batchBytes = 0;
  let written = Promise.resolve();
  let failure: { error: unknown } | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function writeUnlessFailed(text: string): Promise<void> {
    if (failure) return;
    try {
      await write(text);
    } catch (error) {
      failure = { error };
    }
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    const text = batch;
    [batch, batchBytes] = ["", 0];
    if (text) written = written.then(() => writeUnlessFailed(text));
  }

  return {
    add(line: string, bytes: number): void {
      if (failure) return;
      batch += line;
      batchBytes += bytes;
      if (batchBytes >= BATCH_BYTES) flush();
      else timer ??= setTimeout(flush, flushMs);
    },
    async close(): Promise<void> {
      flush();
      await written;
      if (failure) throw failure.error;
    },
  };
}
