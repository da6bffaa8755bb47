/** True for a refusal of the server's; false when it does not answer, or only that it cannot now. */
export function hasAnswered(error: unknown): boolean {
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
  return ($metadata?.httpStatusCode ?? 500) < 500;
}
