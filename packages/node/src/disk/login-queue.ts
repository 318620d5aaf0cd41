/** Tasks that wait, by login. Logins are served one after another: a login's second task comes after the first of every other. */
export class LoginQueue<Task> {
  /** In the order in which they are served. No list is empty. */
  readonly #waiting = new Map<string, Task[]>();

  add(login: string, task: Task): void {
    const tasks = this.#waiting.get(login);
    if (tasks === undefined) this.#waiting.set(login, [task]);
    else tasks.push(task);
  }

  /** Takes the next task, of a login that `mayTake` accepts. Returns `undefined` if there is none. */
  take(mayTake: (login: string) => boolean = () => true): Task | undefined {
    for (const [login, tasks] of this.#waiting) {
      if (!mayTake(login)) continue;
      const task = tasks.shift();
      // rule: sftp-disk-login-turns
      this.#waiting.delete(login);
      if (tasks.length > 0) this.#waiting.set(login, tasks);
      return task;
    }
    return undefined;
  }
}
