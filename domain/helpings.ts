const HELPING_BYTES = 4096;

/**
 * Hands out random bytes, a few at a time, each once. `random` gives that many bytes which nobody can guess; it is asked
 * for a helping at a time, because asking costs more than what most do with the bytes.
 */
export function createHelpings(
  random: (bytes: number) => Uint8Array,
): (bytes: number) => Uint8Array {
  let helping = new Uint8Array();
  let at = 0;
  return (bytes) => {
    if (at + bytes > helping.length) {
      helping = new Uint8Array(random(Math.max(HELPING_BYTES, bytes)));
      at = 0;
    }
    return helping.subarray(at, (at += bytes));
  };
}
