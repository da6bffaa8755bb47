import { refusal } from "../../../domain/errors.ts";
import { LIMITS } from "../../../domain/limits.ts";
import {
  findTicket,
  giveTicketBack,
  keepTicket,
  useTicket,
} from "../../../models/downloads/index.ts";
import { makeSecret, secretPrefix, sha256 } from "../../../platform/crypto.ts";
import { NOT_KEPT } from "../../answers.ts";
import type { Delivery } from "../../delivery.ts";
import { payForTransfer } from "../../paid-transfers.ts";
import { limitGuesses } from "../../policies/accounts/limits.ts";
import { fileRefused, findFile, isActive } from "../../policies/downloads.ts";
import { route } from "../../route.ts";
import { FileQuery, TicketBody, TicketOut, TicketQuery } from "../../schemas/downloads.ts";
import type { Services } from "../../services.ts";

export const fetchFile = route({
  method: "get",
  path: "/api/v1/download/file",
  summary: "Fetch the file of a download of yours, wholly or in ranges",
  access: "downloads:read",
  query: FileQuery,
  returns: "delivery",
  async handle({ actor, query: { history_id: text }, services }) {
    if (text === undefined) throw refusal("request/malformed", "history_id is required");
    const serial = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : undefined;
    if (serial === undefined) throw refusal("request/malformed", "invalid history_id");
    return openFile(services, await findFile(actor.accountId, { serial }));
  },
});

export const createFileTicket = route({
  method: "post",
  path: "/api/v1/download/file-ticket",
  summary: "Get a ticket by which a browser fetches a file once, within 90 seconds",
  access: "downloads:read",
  secret: true,
  body: TicketBody,
  returns: [200, TicketOut],
  async handle({ actor: { accountId }, body, services }) {
    const { id: downloadId } = await findFile(accountId, { serial: body.history_id });
    const { secret: ticket, hash } = makeSecret("ticket");
    await keepTicket(services.database, { hash, downloadId, accountId });
    return { ticket, expires_in: LIMITS.fileTicketSeconds };
  },
});

export const fetchFileByTicket = route({
  method: "get",
  path: "/api/v1/download/file/browser",
  summary: "Fetch a file by its ticket, which is used up by that",
  access: "public",
  query: TicketQuery,
  returns: "delivery",
  async handle({ address, query, services, isHead }) {
    const { ticket: given } = query;
    if (given === undefined) throw refusal("request/malformed", "ticket is required");
    return limitGuesses(services, "tokens", address).around(async () => {
      const isTicket = secretPrefix("ticket", given) !== undefined;
      const hash = sha256(given);
      const look = isHead ? () => findTicket(hash) : () => useTicket(services.database, hash);
      const ticket = isTicket && (await look());
      if (!ticket || !(await isActive(ticket.accountId))) {
        throw refusal("downloads/ticket-invalid", "download ticket expired or invalid");
      }
      const file = await findFile(ticket.accountId, { id: ticket.downloadId });
      const delivery = await openFile(services, file);
      const begin = async (bytes: number) => {
        try {
          return await delivery.begin(bytes);
        } catch (error) {
          // Who found no place, or lacked the money, may come again with the same ticket.
          await giveTicketBack(services.database, ticket);
          throw error;
        }
      };
      return { ...delivery, begin };
    });
  },
});

async function openFile(services: Services, file: OpenableFile) {
  const { objects, transfers, env } = services;
  const { id: downloadId, serial: historyId, accountId, fileName, priceVersion } = file;
  const object = await objects.open(file.objectKey);
  if (!object) throw fileRefused();
  return {
    object,
    etag: file.sha256,
    fileName,
    cacheControl: NOT_KEPT,
    isOurs: transfers.isPaced || env.DOWNLOAD_BILLING,
    async begin(bytes: number) {
      const order = { owner: accountId, downloadId, historyId, fileName, bytes };
      const transfer = await transfers.begin(order);
      if (!env.DOWNLOAD_BILLING) return transfer;
      return payForTransfer(services, transfer, { accountId, downloadId, priceVersion, bytes });
    },
  } satisfies Delivery;
}

type OpenableFile = Awaited<ReturnType<typeof findFile>>;
