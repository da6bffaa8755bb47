import { z } from "zod";
import type { MediaFacts, MediaFormat } from "../../domain/downloads/media.ts";

const Whole = z
  .number()
  .nonnegative()
  .transform(Math.round)
  .nullish()
  .transform((value) => value ?? null)
  .catch(null);
const Some = z
  .number()
  .nullish()
  .transform((value) => value ?? null)
  .catch(null);
const Text = z
  .string()
  .nullish()
  .transform((value) => value ?? null)
  .catch(null);

const Format = z.object({
  format_id: z.string(),
  ext: Text,
  format_note: Text,
  filesize: Whole,
  filesize_approx: Whole,
  height: Whole,
  width: Whole,
  fps: Some,
  vcodec: Text,
  acodec: Text,
  vbr: Some,
  abr: Some,
  asr: Some,
});

const Facts = z.object({
  id: z.coerce.string(),
  title: Text,
  description: Text,
  duration: Some,
  thumbnail: Text,
  uploader: Text,
  channel: Text,
  upload_date: Text,
  view_count: Whole,
  extractor_key: Text,
  ext: Text,
  filesize: Whole,
  filesize_approx: Whole,
  formats: z
    .array(Format)
    .nullish()
    .transform((all) => all ?? []),
  requested_formats: z
    .array(Format)
    .nullish()
    .transform((all) => all ?? []),
});

/** Python writes numbers that are none, and sources can make it: they stand outside of what is quoted. */
const QUOTED_OR_NO_NUMBER = /"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g;

/** Reads what yt-dlp wrote down of a source. Throws when it is nothing of the kind. */
export function readFacts(text: string): MediaFacts {
  const json = text.replace(QUOTED_OR_NO_NUMBER, (word) => (word.startsWith('"') ? word : "null"));
  const facts = Facts.parse(JSON.parse(json));
  const sizes = facts.requested_formats.map((one) => one.filesize ?? one.filesize_approx);
  const known = sizes.filter((size) => size !== null);
  const isWhole = known.length > 0 && known.length === sizes.length;
  const together = isWhole ? known.reduce((sum, size) => sum + size, 0) : null;
  return {
    id: facts.id,
    title: facts.title ?? facts.id,
    description: facts.description,
    durationSeconds: facts.duration,
    thumbnail: facts.thumbnail,
    author: facts.channel ?? facts.uploader,
    uploadDate: facts.upload_date,
    views: facts.view_count,
    extractor: facts.extractor_key ?? "Generic",
    bytes: facts.filesize ?? together ?? facts.filesize_approx,
    formats: facts.formats.map(presentFormat),
  };
}

function presentFormat(format: z.output<typeof Format>): MediaFormat {
  const codec = (name: string | null) => (name === "none" ? null : name);
  return {
    id: format.format_id,
    extension: format.ext ?? "",
    note: format.format_note,
    bytes: format.filesize ?? format.filesize_approx,
    height: format.height,
    width: format.width,
    fps: format.fps,
    videoCodec: codec(format.vcodec),
    audioCodec: codec(format.acodec),
    videoRate: format.vbr,
    audioRate: format.abr,
    sampleRate: format.asr,
  };
}
