import { type Authenticate, isRefusal, isThenable, type Login, type LoginDecision } from "nacre/extend";

/**
 * Delays each refusal of a login by the number of milliseconds that `delayOf` returns. Key queries and logins without proof guess nothing
 * and are not delayed. `stop` releases all delayed answers.
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
  const judge = (login: Login, decision: LoginDecision): LoginDecision | Promise<LoginDecision> => {
    // An untyped callback may refuse with null or undefined.
    // rule: hold-refusal
    if (!decision || isRefusal(decision)) return holdRefusal(login).then(() => decision);
    return decision;
  };
  const fail = async (login: Login, error: unknown): Promise<never> => {
    await holdRefusal(login);
    throw error;
  };
  return {
    authenticate: (login) => {
      if (login.method === "none" || ("signed" in login && !login.signed)) return authenticate(login);
      try {
        const answer = authenticate(login);
        // An immediate answer stays one: the reply then leaves with SERVICE_ACCEPT, in one write.
        if (!isThenable(answer)) return judge(login, answer);
        return Promise.resolve(answer).then(
          (decision) => judge(login, decision),
          (error: unknown) => fail(login, error),
        );
      } catch (error) {
        return fail(login, error);
      }
    },
    stop: () => {
      for (const done of waiting) done();
    },
  };
}
