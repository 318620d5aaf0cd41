export { sessionEnvironment } from "./environment.ts";
export { configLines } from "./print.ts";
export type { Origin } from "./problems.ts";
export {
  type AlgorithmList,
  type AlgorithmNames,
  type Asking,
  answerQuestions,
  type CommandLineSetting,
  type ConfigAnswer,
  type ConfigAnswers,
  type ConfigFile,
  type ConfigQuestion,
  type ConfigRequest,
  type FileAnswer,
  type LocalFacts,
  type ResolvedConfig,
} from "./request.ts";
export { resolveConfig } from "./resolve.ts";
export { channelTimeouts } from "./special.ts";
export { ALL_KEYWORDS } from "./state.ts";
export { type Environment, type ExpandProblem, expandText, type Tokens } from "./tokens.ts";
export type * from "./values.ts";
export { splitWords } from "./words.ts";
