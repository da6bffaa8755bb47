import { z } from "zod";
import { route } from "../../api/route.ts";

/** What the routes below answer. */
export const Thing = z.strictObject({ id: z.string() });

/** A public GET with a checked parameter and query. */
const readThing = route({
  method: "get",
  path: "/things/:id",
  summary: "One thing",
  access: "public",
  params: z.strictObject({ id: z.string().regex(/^\d+$/, "must be a number") }),
  query: z.strictObject({ size: z.coerce.number().int().optional() }),
  returns: [200, Thing],
  handle: ({ params }) => ({ id: params.id }),
});

/** A public GET of a literal path. */
export const findThings = route({
  method: "get",
  path: "/things/search",
  summary: "All things",
  access: "public",
  returns: [200, Thing],
  handle: () => ({ id: "search" }),
});

/** A POST that needs a permission and a JSON body. */
const makeThing = route({
  method: "post",
  path: "/things/:id",
  summary: "A new thing",
  access: "packages:upload",
  params: z.strictObject({ id: z.string().regex(/^\d+$/, "must be a number") }),
  query: z.strictObject({ dry: z.enum(["yes", "no"]).optional() }),
  body: z.strictObject({ name: z.string().min(1), count: z.number().int() }),
  returns: [201, Thing],
  handle({ body, params, header }) {
    header("Location", `/things/${params.id}`);
    return { id: body.name };
  },
});

/** Routes of no domain, for tests of the kernel. */
export const things = { readThing, findThings, makeThing };

/** A public GET that does this. */
export function doing(handle: () => unknown) {
  return route({
    method: "get",
    path: "/doing",
    summary: "Does it",
    access: "public",
    returns: [200, z.unknown()],
    handle,
  });
}
