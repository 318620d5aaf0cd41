/**
 * Calls `work` when `ready` resolves, unless `pending` has settled by then. Neither a rejection of `ready` nor one of `pending` is
 * reported.
 */
export function whilePending(pending: Promise<unknown>, ready: Promise<unknown>, work: () => void): void {
  let isPending = true;
  const settled = (): void => {
    isPending = false;
  };
  pending.then(settled, settled);
  ready.then(
    () => {
      if (isPending) work();
    },
    () => {},
  );
}
