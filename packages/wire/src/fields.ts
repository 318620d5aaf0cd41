/**
 * Field types from which `structure` builds codecs. Each reads and writes one data type of RFC 4251 §5, or a form of it.
 *
 * @module
 */
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
