let calls = 0;

/** What no workflow of the product does: it counts its calls in a variable of its module. */
export async function counting(): Promise<number> {
  calls += 1;
  return calls;
}
