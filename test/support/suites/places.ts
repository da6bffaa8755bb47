import { expect, test } from "vitest";
import { newId } from "../../../platform/crypto.ts";
import type { Holder, Places, PlacesTerms } from "../../../platform/places.ts";

/** What a test's holder tells of itself. */
export interface Told extends Holder {
  sentBytes: number;
}

/** Somebody who wants a place. */
export const holderOf = (owner: string): Told => ({ id: newId(), owner, sentBytes: 0 });

/** What holds of places wherever they are counted. */
export function placesSuite(open: (terms: PlacesTerms) => Promise<Places<Told>>): void {
  test("of any number that come at once, as many get a place as there are", async () => {
    const places = await open({ most: 50, mostOfOwner: 50 });
    const crowd = Array.from({ length: 60 }, () => holderOf("one"));

    const answers = await Promise.all(crowd.map((holder) => places.take(holder)));

    expect(answers.filter((answer) => answer === "taken")).toHaveLength(50);
    expect(answers.filter((answer) => answer === "full")).toHaveLength(10);
    expect(await places.list()).toHaveLength(50);
  });

  test("an owner has so many, which are not in the way of others, and free as soon as they are left", async () => {
    const places = await open({ most: 3, mostOfOwner: 1 });
    const first = holderOf("one");

    const answers = [];
    for (const holder of [first, holderOf("one"), holderOf("two")]) {
      answers.push(await places.take(holder));
    }
    await places.leave(first);

    expect(answers).toEqual(["taken", "full-of-owner", "taken"]);
    expect(await places.take(holderOf("one"))).toBe("taken");
    expect((await places.list()).map(({ owner }) => owner).toSorted()).toEqual(["one", "two"]);
  });
}
