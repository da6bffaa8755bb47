import { route } from "../../route.ts";
import { presentTransfer, TransfersOut } from "../../schemas/downloads.ts";

export const listTransfers = route({
  method: "get",
  path: "/api/v1/admin/transfers",
  summary: "Files of downloads on their way: to whom, how much of each has gone, and the limits",
  access: "downloads:oversee",
  returns: [200, TransfersOut],
  async handle({ services: { transfers, env } }) {
    const items = (await transfers.list()).toSorted((one, other) => one.since - other.since);
    return {
      most: env.DOWNLOAD_TRANSFERS,
      most_per_user: env.DOWNLOAD_TRANSFERS_PER_USER,
      items: items.map(presentTransfer),
    };
  },
});
