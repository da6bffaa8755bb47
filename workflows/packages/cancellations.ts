import { CancellationScope, isCancellation } from "@temporalio/workflow";

/** Work on runs that can be ended one by one. */
export interface Cancellations {
  /** Does work on a run; answers undefined when the run alone was cancelled meanwhile. */
  within<T>(runId: string, work: () => Promise<T>): Promise<T | undefined>;
  /** Ends the work on a run; false when there is none. */
  cancel(runId: string): boolean;
}

/** Keeps a scope for each run that is worked on. */
export function openCancellations(): Cancellations {
  const scopes = new Map<string, CancellationScope>();
  return {
    async within(runId, work) {
      const scope = new CancellationScope();
      scopes.set(runId, scope);
      try {
        return await scope.run(work);
      } catch (error) {
        const isAlone = isCancellation(error) && !CancellationScope.current().consideredCancelled;
        if (!isAlone) throw error;
        return undefined;
      } finally {
        scopes.delete(runId);
      }
    },
    cancel(runId) {
      const scope = scopes.get(runId);
      scope?.cancel();
      return scope !== undefined;
    },
  };
}
