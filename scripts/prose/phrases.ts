/** A phrase to avoid. */
export interface Phrase {
  /** Matches the phrase. A space in it matches a line break, too. */
  readonly pattern: RegExp;
  /** The better wording. */
  readonly instead: string;
  /** A sentence that matches, and the same sentence written well. */
  readonly example: readonly [bad: string, good: string];
}

/** Phrases that make a reader stop. Add one only together with the rewriting of its matches. */
export const PHRASES: readonly Phrase[] = [
  {
    pattern: /\bwhat (?:is|are|has|have|can be) (?:no|not|none)\b|\bfor what no\b/i,
    instead: "name it: an invalid X, an unknown X",
    example: ["Throws `usage` for what is no host.", "Throws `usage` if the host is invalid."],
  },
  {
    pattern: /\bwho(?:m)?ever\b/i,
    instead: "name the person or program: the caller, anyone who",
    example: ["Lets in whoever has the key.", "Accepts logins with the key."],
  },
  {
    pattern: /(?:^|[.:] )Who (?:is|was|has|comes|goes|does|can|may|will)\b(?![^.]*\?)/,
    instead: "name the subject: a client that",
    example: ["Who comes later waits.", "A later client waits."],
  },
  {
    pattern: /\b(?:everything|all|every \w+) but (?:the|a|an|its|for|what)\b/i,
    instead: "all X except Y, only Y",
    example: ["Everything but the byte stream.", "All options except the byte stream."],
  },
  {
    pattern: /(?<!\bthere )\b(?:is|are|was|were) none\b/i,
    instead: "is invalid, does not count, is not an X",
    example: ["the public key is none", "invalid public key"],
  },
  {
    pattern: /\b(?:to be|can be|could be) had\b/i,
    instead: "is available, is supported",
    example: ["a service that is not to be had here", "a service that is not available"],
  },
  {
    pattern: /\b(?:which|that) (?:\w+ ){1,4}(?:has|have) not(?=[,;:.)]|$)|\bfor \w+ that have not\b/i,
    instead: "lacks, does not support",
    example: ["ML-KEM, which Node 20 has not.", "ML-KEM, which Node 20 lacks."],
  },
  {
    pattern: /\b(?:is|are|was|were|be|been) told\b/i,
    instead: "learns, receives, is reported, is notified",
    example: ["a reader that was told no end", "a reader that saw no EOF"],
  },
  {
    pattern: /\b(?:hears?|heard)\b/i,
    instead: "learns of, receives, is called with",
    example: ["`log` hears of every event.", "`log` receives every event."],
  },
  {
    pattern: /\b(?:hereby|thereby|herein|therein|hereupon|thereupon|whereof|thereof)\b/i,
    instead: "a second sentence",
    example: ["The open, which is decided hereby.", "Decides the open."],
  },
  {
    pattern: /, (?:\w+ )?of (?:which|whom)\b/i,
    instead: "a second sentence, or “each …”, “one …”",
    example: ["six keys, of which one is tried", "six keys; tries one"],
  },
  {
    pattern:
      /\bhowever (?:many|much|long|often|large)\b|(?:^|, |\. )as (?:many|much) as (?:are|is|may|they|it|there)\b/,
    instead: "the number, or “any number of”",
    example: ["one write, however many pieces", "one write for any number of pieces"],
  },
  {
    pattern: /\ball (?:that|what) (?:is|was|has|had|came|comes|it|they|we)\b/i,
    instead: "all X, everything X sent",
    example: ["Resolves when all that was written is sent.", "Resolves when all written data is sent."],
  },
  {
    pattern: /\bhad (?:already |been |not )?(?:been|come|gone|begun|sent|said|taken|given|known|\w{3,}ed)\b/i,
    instead: "present tense, or simple past",
    example: ["when what had come is read", "after buffered data is read"],
  },
  {
    pattern: /\b(?:harms?|hurts?) (?:nobody|nothing|no one)\b|\b(?:own|\w+'s) affair\b/i,
    instead: "say what happens: ignored, rethrown",
    example: ["A callback that throws harms nobody.", "Errors thrown by a callback are ignored."],
  },
  {
    pattern: /\bgoodbyes?\b(?!-)|\bbytes' way\b|\bat its best\b|\bthe ways in\b|\bto and fro\b/i,
    instead: "the protocol's or Node's word: disconnect, byte stream, entry point",
    example: ["Says goodbye.", "Sends SSH_MSG_DISCONNECT."],
  },
  {
    pattern: /\bwhatever\b/i,
    instead: "any X, regardless of X",
    example: ["It ends in time, whatever the peer does.", "It ends in time, regardless of the peer."],
  },
  {
    pattern: /\bnobody\b|\bno one\b(?! time)/i,
    instead: "name who: no client, no caller, or “not”",
    example: ["By default nobody gets a ticket.", "By default no client gets a ticket."],
  },
  {
    pattern: /\b(?:nothing|anything|none) but\b/i,
    instead: "only, except",
    example: ["sends nothing but key exchange messages", "sends only key exchange messages"],
  },
  {
    pattern:
      /(?<!\b(?:there|what) )\b(?:is|are|was) no (?!longer\b|more\b|other\b|such\b|different\b)(?:\w+[,;:.)]|SSH|valid)/i,
    instead: "is not a valid X, is not an X",
    example: ["The text is no fingerprint.", "The text is not a fingerprint."],
  },
  {
    pattern: /\blets? (?:him|her|them|(?:a|the) \w+) in\b(?! the\b)/i,
    instead: "accepts the login, admits",
    example: ["The server lets a client in.", "The server accepts the login."],
  },
];
