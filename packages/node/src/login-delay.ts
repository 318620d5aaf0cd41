import type { Authenticate, Login } from "nacre/internal";

/**
 * Holds back each refusal of a login, by as many milliseconds as `delayOf` returns. A key query is no login. `stop` lets the answers go
 * that are held back.
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
      // A program that ends need not wait for it.
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
        // A program without types may refuse with null or nothing.
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
