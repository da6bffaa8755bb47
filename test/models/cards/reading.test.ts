import { expect, test } from "vitest";
import { shardOf } from "../../../domain/cards.ts";
import { Card, type CardFilters, pageOfCards, readCards } from "../../../models/cards/index.ts";
import { newId, sha256 } from "../../../platform/crypto.ts";
import { makeProduct } from "../../support/cards.ts";
import { describeDatabases } from "../../support/database.ts";

describeDatabases(({ open }) => {
  test("reads every card once, in the order of the list, whichever ways lead to it", async () => {
    await open();
    const [one, other] = [await makeProduct(), await makeProduct()];
    const states = ["unused", "unused", "active", "expired"] as const;
    const used = new Date("2026-01-01T00:00:00.123Z");
    await Card.bulkCreate(
      Array.from({ length: 1_300 }, (_, at) => {
        const id = newId();
        return {
          id,
          prefix: at % 3 === 0 ? "AUTUMN" : "VIP",
          productId: at % 2 === 0 ? one.id : other.id,
          state: states[at % states.length]!,
          codeHash: sha256(id),
          codeTail: at % 5 === 0 ? "0001" : "0000",
          codeSealed: `sealed ${at}`,
          note: at % 7 === 0 ? "AUTUMN" : null,
          usedAt: used,
          deletedAt: at % 11 === 0 ? used : null,
          shard: shardOf(id),
        };
      }),
    );
    const everything = await Card.findAll({ where: { deletedAt: null }, order: [["id", "DESC"]] });
    const lists: [Omit<CardFilters, "sort">, (card: Card) => boolean][] = [
      [{}, () => true],
      [{ state: "active" }, ({ state }) => state === "active"],
      [{ prefix: "VIP" }, ({ prefix }) => prefix === "VIP"],
      [{ productIds: [one.id, other.id] }, () => true],
      [
        { state: "unused", productIds: [one.id], prefix: "AUTUMN" },
        ({ state, productId, prefix }) =>
          state === "unused" && productId === one.id && prefix === "AUTUMN",
      ],
      [
        {
          found: [{ codeTail: "0001" }, { prefix: "AUTUMN" }, { note: "AUTUMN" }],
          state: "active",
        },
        ({ codeTail, prefix, note, state }) =>
          state === "active" && (codeTail === "0001" || prefix === "AUTUMN" || note === "AUTUMN"),
      ],
    ];
    for (const [filters, matches] of lists) {
      const wanted = everything.filter(matches).map(({ id }) => id);
      for (const sort of ["newest", "oldest"] as const) {
        const inOrder = sort === "newest" ? wanted : wanted.toReversed();
        const read: string[] = [];
        for await (const rows of readCards({ ...filters, sort })) {
          read.push(...rows.map(({ id }) => id));
          expect(rows[0]!.usedAt).toEqual(used);
        }
        expect(read).toEqual(inOrder);
        const { items, next } = await pageOfCards({ ...filters, sort }, { limit: 20 });
        const second = await pageOfCards({ ...filters, sort }, { limit: 20, after: next! });
        const paged = [...items, ...second.items].map(({ id }) => id);
        expect(paged).toEqual(inOrder.slice(0, 40));
      }
    }
  });
});
