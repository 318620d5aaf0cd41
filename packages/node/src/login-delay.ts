import type { Authenticate, Login } from "nacre/internal";

/**
 * Delays each refusal of a login by the number of milliseconds that `delayOf` returns. Key queries are not delayed. `stop` releases all
 * delayed answers.
 */
export function delayRefusals(
  authenticate: Authenticate,
  delayOf: (login: Login) => number,
): { readonly authenticate: Authenticate; readonly stop: () => void } {
  const waiting = new Set<() => void>();
  const hold = (milliseconds: number): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      // Do not keep a finished process running.
      timer.unref();
      waiting.add(done);
    });
  const holdRefusal = async (login: Login): Promise<void> => {
    const milliseconds = delayOf(login);
    if (milliseconds > 0) await hold(milliseconds);
  };
  return {
    authenticate: async (login) => {
      if (login.method === "publickey" && !login.signed) return authenticate(login);
      try {
        const decision = await authenticate(login);
        // An untyped callback may refuse with null or undefined.
        // rule: hold-refusal
        if (!decision) await holdRefusal(login);
        return decision;
      } catch (error) {
        await holdRefusal(login);
        throw error;
      }
    },
    stop: () => {
      for (const done of waiting) done();
    },
  };
}
