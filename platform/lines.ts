import { StringDecoder } from "node:string_decoder";

/** How much of one line is kept. */
export const LINE_BYTES = 8 * 1024;

/** Turns the bytes of a pipe into lines. */
export interface LineReader {
  push(chunk: Buffer): void;
  /** Delivers what has no line end. */
  end(): void;
}

/** How much is delivered in full, and how much a second after that. */
export interface LineFlow {
  fullBytes: number;
  bytesPerSecond: number;
}

const FLOW: LineFlow = { fullBytes: 16 * 1024 * 1024, bytesPerSecond: 1024 * 1024 };

/**
 * Delivers each line without its end (LF, CR LF, or the lone CR of a progress bar). Memory is bounded: a line
 * keeps `LINE_BYTES`, and of a flood beyond `flow` only a share and the very end are delivered, with a mark
 * where bytes were dropped. Bytes that are not UTF-8 become U+FFFD.
 */
export function createLineReader(
  deliver: (line: string) => void,
  flow: LineFlow = FLOW,
): LineReader {
  const decoder = new StringDecoder("utf8");
  const lines = createLineJoiner(deliver);
  let passedBytes = 0;
  let droppedBytes = 0;
  let droppedEnd = Buffer.alloc(0);
  let second = 0;
  let secondBytes = 0;

  function mayPass(bytes: number): boolean {
    if (passedBytes < flow.fullBytes) return true;
    const now = Math.floor(performance.now() / 1000);
    if (now !== second) [second, secondBytes] = [now, 0];
    secondBytes += bytes;
    return secondBytes <= flow.bytesPerSecond;
  }

  function pass(chunk: Buffer): void {
    passedBytes += chunk.length;
    lines.add(decoder.write(chunk));
  }

  function markDropped(): void {
    lines.add(decoder.end());
    lines.finish();
    deliver(cutMark(droppedBytes));
    droppedBytes = 0;
  }

  return {
    push(chunk) {
      if (!mayPass(chunk.length)) {
        droppedBytes += chunk.length;
        droppedEnd = Buffer.concat([droppedEnd, chunk]).subarray(-2 * LINE_BYTES);
        return;
      }
      if (droppedBytes > 0) markDropped();
      droppedEnd = Buffer.alloc(0);
      pass(chunk);
    },
    end() {
      if (droppedBytes > 0) {
        // The end of a flood is where a tool says why it stopped.
        const end = droppedEnd.subarray(droppedEnd.subarray(0, -1).indexOf("\n") + 1);
        droppedBytes -= end.length;
        markDropped();
        pass(end);
      }
      lines.add(decoder.end());
      lines.finish();
    },
  };
}

function createLineJoiner(deliver: (line: string) => void) {
  let line = "";
  let cutBytes = 0;
  let afterReturn = false;

  function grow(piece: string): void {
    if (cutBytes > 0) {
      cutBytes += Buffer.byteLength(piece);
      return;
    }
    line += piece;
    if (line.length * 3 <= LINE_BYTES) return;
    const kept = cutText(line, LINE_BYTES);
    cutBytes = Buffer.byteLength(line) - Buffer.byteLength(kept);
    line = kept;
  }

  function finish(): void {
    if (line || cutBytes > 0) deliver(cutBytes > 0 ? `${line} ${cutMark(cutBytes)}` : line);
    [line, cutBytes] = ["", 0];
  }

  return {
    finish,
    add(text: string): void {
      const rest = afterReturn && text.startsWith("\n") ? text.slice(1) : text;
      if (text) afterReturn = text.endsWith("\r");
      const pieces = rest.split(/\r\n|\n|\r/);
      const last = pieces.pop() ?? "";
      for (const piece of pieces) {
        grow(piece);
        if (line) finish();
        else deliver("");
      }
      grow(last);
    },
  };
}

/** What stands where bytes of an output were left out. */
export function cutMark(bytes: number): string {
  return `… ${bytes} bytes cut …`;
}

/** The longest beginning of `text` that has at most `bytes` bytes of UTF-8 and whole characters. */
export function cutText(text: string, bytes: number): string {
  const encoded = Buffer.from(text);
  if (encoded.length <= bytes) return text;
  let end = bytes;
  while (end > 0 && (encoded[end]! & 0xc0) === 0x80) end--;
  return encoded.toString("utf8", 0, end);
}
