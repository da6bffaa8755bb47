/** One format that a source offers. */
export interface MediaFormat {
  id: string;
  extension: string;
  note: string | null;
  bytes: number | null;
  height: number | null;
  width: number | null;
  fps: number | null;
  videoCodec: string | null;
  audioCodec: string | null;
  /** Kilobits per second. */
  videoRate: number | null;
  audioRate: number | null;
  sampleRate: number | null;
}

/** What a source says of its media. */
export interface MediaFacts {
  id: string;
  title: string;
  description: string | null;
  /** Of the media, not of the download; with fractions. */
  durationSeconds: number | null;
  thumbnail: string | null;
  author: string | null;
  /** `YYYYMMDD`. */
  uploadDate: string | null;
  views: number | null;
  /** Which of yt-dlp's extractors knew it. */
  extractor: string;
  /** Of what is chosen; null when the source does not say. */
  bytes: number | null;
  formats: MediaFormat[];
}

/** How many bytes are wanted, as far as the source says; null when it does not. */
export function estimateBytes(
  facts: MediaFacts,
  { quality, formatId }: { quality: string; formatId: string | null },
): number | null {
  if (!formatId) return quality === "best" ? facts.bytes : null;
  const sizes = formatId.split("+").map((id) => facts.formats.find((one) => one.id === id)?.bytes);
  const known = sizes.filter((size) => typeof size === "number");
  return known.length === sizes.length ? known.reduce((sum, size) => sum + size, 0) : null;
}
