/** What to fetch, and how. Nothing else reaches yt-dlp's command line. */
export interface MediaWish {
  url: string;
  /** A height as `1080p`, `audio`, or `best`. */
  quality: string;
  /** The container or, for sound alone, the kind of file, as `mp4`. */
  format: string;
  /** The source's own name of a format, as `137+140`: then `quality` says nothing. */
  formatId?: string | undefined;
  /** What is longer is not begun. */
  maxBytes: number;
  /** Path of a file in the format of Netscape's, in the run's own folder: yt-dlp writes it anew at its end. */
  cookieFile?: string | undefined;
}

/** What every line of ours that yt-dlp writes begins with. */
export const PROGRESS_MARK = "longhaul-progress ";

/** What every line begins with that says what is on a list. */
export const LIST_MARK = "longhaul-list ";

/** Files of a task's folder. */
export const FACTS_FILE = "facts.info.json";
/** What the finished file is called, before its extension. */
export const MEDIA_NAME = "media";

const COMMON = [
  "--ignore-config",
  "--no-plugin-dirs",
  "--no-cache-dir",
  "--no-update",
  "--color=never",
  "--quiet",
  "--print-traffic",
  "--socket-timeout=20",
  "--extractor-retries=1",
  // Nothing in what is fetched decides about a name.
  `--output=${MEDIA_NAME}.%(ext)s`,
  "--output=infojson:facts",
  "--no-write-playlist-metafiles",
  "--no-mtime",
];

const ONE = ["--no-playlist", "--playlist-items=1"];

const progressField = (name: string, field: string) => `"${name}":%(${field})j`;
const LISTED = [
  progressField("url", "url"),
  progressField("title", "title"),
  progressField("position", "playlist_index"),
  progressField("list", "playlist_title"),
].join(",");
const PROGRESS = [
  progressField("status", "progress.status"),
  progressField("downloaded", "progress.downloaded_bytes"),
  progressField("total", "progress.total_bytes"),
  progressField("estimate", "progress.total_bytes_estimate"),
  progressField("speed", "progress.speed"),
  progressField("eta", "progress.eta"),
  progressField("format", "info.format_id"),
  progressField("video", "info.vcodec"),
  progressField("audio", "info.acodec"),
].join(",");
const STEP = [
  progressField("status", "progress.status"),
  progressField("step", "progress.postprocessor"),
].join(",");

/** The options under which nothing but what is known of the media is fetched, into `FACTS_FILE`. */
export function factsArguments(wish: MediaWish, tools: { ffmpeg: boolean; node: string }) {
  const words = ["--skip-download", "--write-info-json", ...selection(wish, tools.ffmpeg)];
  return [...COMMON, ...ONE, ...words, ...ways(wish, tools), "--", addressOf(wish)];
}

/** The options under which the first `most` media of a list are named, each in a line, and nothing of them is asked. */
export function listArguments(
  wish: MediaWish,
  tools: { ffmpeg: boolean; node: string },
  most: number,
) {
  return [
    ...COMMON,
    "--yes-playlist",
    "--flat-playlist",
    `--playlist-items=1:${most}`,
    "--skip-download",
    "--ignore-no-formats-error",
    "--output-na-placeholder=null",
    `--print=${LIST_MARK}{${LISTED}}`,
    ...ways(wish, tools),
    "--",
    addressOf(wish),
  ];
}

/**
 * The options under which the media is fetched, with `FACTS_FILE` written on the way; or, with `known`, by the facts that
 * were fetched before. What is there of it is not fetched again.
 */
export function mediaArguments(
  wish: MediaWish,
  tools: { ffmpeg: boolean; node: string },
  known: boolean,
) {
  const source = known ? [`--load-info-json=${FACTS_FILE}`] : ["--", addressOf(wish)];
  return [
    ...COMMON,
    ...ONE,
    "--progress",
    "--newline",
    "--progress-delta=0.4",
    "--output-na-placeholder=null",
    `--progress-template=download:${PROGRESS_MARK}{${PROGRESS}}`,
    `--progress-template=postprocess:${PROGRESS_MARK}{${STEP}}`,
    "--continue",
    "--no-overwrites",
    "--retries=3",
    "--fragment-retries=5",
    "--retry-sleep=linear=1::2",
    "--abort-on-unavailable-fragments",
    "--concurrent-fragments=3",
    `--max-filesize=${wish.maxBytes}`,
    ...(known ? [] : ["--write-info-json"]),
    ...selection(wish, tools.ffmpeg),
    ...ways(wish, tools),
    ...source,
  ];
}

/** Without what yt-dlp's own parts tell each other behind an address: users have no say in that. */
function addressOf({ url }: MediaWish): string {
  return url.replace(/#__youtubedl_smuggle.*/s, "");
}

function ways({ cookieFile }: MediaWish, { node }: { node: string }): string[] {
  return [`--js-runtimes=node:${node}`, ...(cookieFile ? [`--cookies=${cookieFile}`] : [])];
}

/** What goes by HTTP, and so by our proxy: RTMP, RTSP and the like would go around it, and count as not there. */
const BY_HTTP = "[protocol~='^(http|m3u8)']";

/** Without ffmpeg picture and sound cannot be put together: then what comes as one is taken. */
function selection({ quality, format, formatId }: MediaWish, ffmpeg: boolean): string[] {
  const merge = ffmpeg ? [`--merge-output-format=${MERGED.has(format) ? format : "mkv"}`] : [];
  if (formatId) return [`--format=${byHttp(formatId)}`, ...merge];
  if (quality === "audio") return [`--format=${byHttp("ba/b")}`, `--format-sort=ext:${format}`];
  const [, height] = /^(\d{3,4})p$/.exec(quality) ?? [];
  const sort = [...(height ? [`res:${height}`] : []), `ext:${format}`].join(",");
  const wanted = byHttp(ffmpeg ? "bv*+ba/b" : "b/bv*/ba");
  return [`--format=${wanted}`, `--format-sort=${sort}`, ...merge];
}

/** Each format of a selector, if it comes by HTTP. */
function byHttp(selector: string): string {
  return selector.replace(/[^+/]+/g, (one) => one + BY_HTTP);
}

/** What ffmpeg can put picture and sound into. */
const MERGED = new Set(["mp4", "mkv", "webm", "mov", "flv"]);
