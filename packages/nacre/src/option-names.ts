export { checkOptions as checkNames, type OptionRows as OptionNames } from "./options/schema.ts";
