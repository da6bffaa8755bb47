import type { TaskKind } from "../../domain/feeds.ts";
import type { FeedRow } from "../../models/feeds/index.ts";

/** One message to all who follow a feed. What goes over the wire is made once, whoever and how many they are. */
export class Frame {
  readonly seq: number;
  readonly event: string;
  readonly kind: TaskKind | null;
  readonly task: string | null;
  /** The JSON that stands under `data`. */
  readonly body: string;
  #packet?: Buffer;
  #lines?: string;

  constructor({ seq, event, kind, task, body }: Omit<FeedRow, "event"> & { event: string }) {
    this.seq = seq;
    this.event = event;
    this.kind = kind;
    this.task = task;
    this.body = body;
  }

  /** As a whole WebSocket frame of text. */
  get packet(): Buffer {
    return (this.#packet ??= packetOf(
      `{"event":"${this.event}","seq":${this.seq},"data":${this.body}}`,
    ));
  }

  /** As an event of a text/event-stream. */
  get lines(): string {
    return (this.#lines ??= `id: ${this.seq}\nevent: ${this.event}\ndata: ${this.body}\n\n`);
  }
}

/** A message that is no part of the feed: `seq` is the place in it that the client has reached. */
export function reply(event: string, seq: number, data: object): Frame {
  return new Frame({ seq, event, kind: null, task: null, body: JSON.stringify(data) });
}

/** An unmasked, unfragmented frame of text (RFC 6455 §5.2), as servers send it when nothing is compressed. */
export function packetOf(text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  const head = bytes < 126 ? 2 : bytes < 65_536 ? 4 : 10;
  const packet = Buffer.allocUnsafeSlow(head + bytes);
  packet[0] = FINAL_TEXT;
  if (head === 2) packet[1] = bytes;
  if (head === 4) {
    packet[1] = 126;
    packet.writeUInt16BE(bytes, 2);
  }
  if (head === 10) {
    packet[1] = 127;
    packet.writeBigUInt64BE(BigInt(bytes), 2);
  }
  packet.write(text, head);
  return packet;
}

const FINAL_TEXT = 0x81;
