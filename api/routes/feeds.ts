import { refusal } from "../../domain/errors.ts";
import { kindsFor } from "../policies/feeds.ts";
import { route } from "../route.ts";
import { EventsQuery, Since } from "../schemas/feeds.ts";
import { ENDINGS } from "../sockets/connections.ts";
import { EventStream } from "../sockets/event-stream.ts";
import { invalid } from "../validation.ts";

export const followEvents = route({
  method: "get",
  path: "/api/v1/events",
  summary:
    "Follow what becomes of your tasks, as text/event-stream; Last-Event-ID or `since` goes on",
  access: "signed-in",
  query: EventsQuery,
  returns: "events",
  async handle(call) {
    const { actor, query, services } = call;
    const { channels, connections } = services.feeds;
    const since = lastEventId(call.requestHeader("last-event-id")) ?? query.since;
    const stream = new EventStream(actor, kindsFor(actor));
    stream.once("close", () => {
      channels.leave(actor.accountId, stream);
      connections.remove(stream, stream.ending);
    });
    if (!(await connections.add(stream))) {
      throw refusal("feeds/too-many-connections", "Close one of your other connections first.");
    }
    channels
      .follow(actor.accountId, stream, { since, greet: () => stream.greet() })
      .catch((error: unknown) => {
        services.log.warn({ err: error }, "a feed cannot be followed");
        stream.end(ENDINGS.broken);
      });
    return stream;
  },
});

/** The number that a client had last; EventSource sends it when it connects again. */
function lastEventId(given?: string): number | undefined {
  const id = Since.safeParse(given);
  if (id.success) return id.data;
  const message = "must be a whole number: the last id that you have";
  throw invalid([{ path: "Last-Event-ID", in: "header", message }]);
}
