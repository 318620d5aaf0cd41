// Field types for the structures of other packages, exported together as `fields`.
export {
  boolean,
  counted,
  type Field,
  fixed,
  informing,
  languageTag,
  longText,
  mpint,
  name,
  nameList,
  rest,
  string,
  text,
  uint32,
  utf8,
} from "./structure.ts";
