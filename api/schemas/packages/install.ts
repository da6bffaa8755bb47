import { z } from "zod";
import { Channel, Version } from "../packages.ts";

/** One version, else what a channel's link shows. */
export const Offer = z.strictObject({ version: Version.optional(), channel: Channel.optional() });
export const InstallQuestion = Offer.extend({ lang: z.enum(["en", "zh-CN"]).optional() });
