import { type Failure, failureOf } from "../../domain/downloads/failures.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { ListedMedia, MediaList } from "../../models/downloads/index.ts";
import type { SourceList } from "../../platform/yt-dlp/index.ts";
import type { DownloadTools } from "./tools.ts";

/** What a list comes to that has nothing on it. */
export const EMPTY_LIST: Failure = {
  ...failureOf("downloads/unsupported", "terminal"),
  message: "There is no list of media at this address, or nothing is on it.",
};

/**
 * The first media of what a source calls a list, as far as a download may be: what is no address is left out, and of one
 * that users may not give it is said why. Undefined when there is nothing.
 */
export function fetchable(
  list: SourceList,
  address: string,
  tools: Pick<DownloadTools, "faultOf">,
): MediaList | undefined {
  const all = list.media.flatMap(({ url, title }): ListedMedia[] => {
    if (!URL.canParse(url, address)) return [];
    const { href } = new URL(url, address);
    if (href.length > LIMITS.downloadUrlCharacters) return [];
    const refused = tools.faultOf(href);
    return [{ url: href, title: title?.slice(0, 500) ?? null, ...(refused && { refused }) }];
  });
  const media = all.slice(0, LIMITS.playlistMedia);
  if (media.length === 0) return undefined;
  const isTruncated = list.media.length > LIMITS.playlistMedia;
  return { title: list.title?.slice(0, 500) ?? null, media, isTruncated };
}
