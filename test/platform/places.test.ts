import { describe, onTestFinished } from "vitest";
import { openPlaces } from "../../platform/places.ts";
import { placesSuite, type Told } from "../support/suites/places.ts";

describe("places in one process", () => {
  placesSuite(async (terms) => {
    const places = openPlaces<Told>(terms);
    onTestFinished(() => places.close());
    return places;
  });
});
