import { crc32, deflateSync } from "node:zlib";
import encodeQr from "qr";

/** Corrects what a scratch or a reflection hides: 15 %. The quiet zone is the four modules that ISO 18004 asks for. */
const OPTIONS = { ecc: "medium", border: 4 } as const;
const PNG_SCALE = 8;

/** A QR code of this text as an SVG document. */
export function qrSvg(text: string): string {
  return encodeQr(text, "svg", OPTIONS);
}

/** A QR code of this text as a PNG of black and white, eight points a module. */
export function qrPng(text: string): Buffer {
  const rows = encodeQr(text, "raw", { ...OPTIONS, scale: PNG_SCALE });
  const header = Buffer.alloc(13);
  header.writeUInt32BE(rows.length, 0);
  header.writeUInt32BE(rows.length, 4);
  // One bit a point, shades of grey.
  header[8] = 1;
  return Buffer.concat([
    Buffer.from("89504e470d0a1a0a", "hex"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(Buffer.concat(rows.map(packRow)))),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** A row of points, dark ones 0, behind the filter that it has: none. */
function packRow(dark: readonly boolean[]): Buffer {
  const row = Buffer.alloc(1 + Math.ceil(dark.length / 8));
  for (const [at, isDark] of dark.entries()) {
    if (!isDark) row[1 + (at >> 3)]! |= 0x80 >> (at & 7);
  }
  return row;
}

function chunk(type: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), content]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(content.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}
