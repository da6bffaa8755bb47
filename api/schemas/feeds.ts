import { z } from "zod";

/** From where on a feed is followed. */
export const EventsQuery = z.strictObject({
  since: z.coerce
    .number()
    .int()
    .min(0)
    .optional()
    .describe("The last id that you have: what came after it is told first"),
});
