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
