const { versions } = process;

/** Whether this runtime is Node itself. */
export const isNode: boolean = versions.bun === undefined && versions["deno"] === undefined;
