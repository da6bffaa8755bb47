import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import type { Outgoing } from "./connection.ts";

const PIECE_BYTES = 1024 * 1024;

/** A file on disk that is to be sent. */
export interface FileToSend {
  path: string;
  /** The name that the platform is told. */
  name: string;
  bytes: number;
}

/** What is told of a form on its way. */
export interface Sending {
  onSent: (bytes: number) => void;
  /** The error to end with when the file cannot be read as it was measured. */
  onFault: () => Error;
}

/** A multipart form (RFC 7578) with text fields and one file, which is read while it is sent. */
export function multipartForm(
  fields: Readonly<Record<string, string | undefined>>,
  file: FileToSend,
  { onSent, onFault }: Sending,
): Outgoing {
  const boundary = `longhaul-${randomUUID()}`;
  const part = (disposition: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n`;
  const texts = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${part(`name="${name}"`)}\r\n${value}\r\n`);
  const fileHead = `${part(`name="file"; filename="${escaped(file.name)}"`)}Content-Type: application/octet-stream\r\n\r\n`;
  const head = Buffer.from(texts.join("") + fileHead);
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);

  async function* write(): AsyncGenerator<Buffer> {
    yield head;
    let sent = 0;
    try {
      for await (const chunk of createReadStream(file.path, { highWaterMark: PIECE_BYTES })) {
        sent += (chunk as Buffer).length;
        if (sent > file.bytes) break;
        yield chunk as Buffer;
        onSent(sent);
      }
    } catch {
      throw onFault();
    }
    if (sent !== file.bytes) throw onFault();
    yield tail;
  }
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    bytes: head.length + file.bytes + tail.length,
    open: () => Readable.from(write(), { objectMode: false, highWaterMark: PIECE_BYTES }),
  };
}

/** As browsers do (HTML, multipart/form-data encoding algorithm). */
function escaped(name: string): string {
  return name.replaceAll('"', "%22").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}
