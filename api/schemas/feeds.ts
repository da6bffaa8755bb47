import { z } from "zod";
import { wholeNumber } from "../validation.ts";

/** The number of a frame, from where on a feed is followed. */
export const Since = wholeNumber(0).optional();

/** From where on a feed is followed. */
export const EventsQuery = z.strictObject({
  since: Since.describe("The last id that you have: what came after it is told first"),
});
