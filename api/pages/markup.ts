/** Text that may stand in a page as it is. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Piece = string | number | Markup | readonly Markup[] | undefined;

/** Writes HTML or XML: what is put in between is text and stands there as text, unless it was written by this too. */
export function markup(written: TemplateStringsArray, ...pieces: Piece[]): Markup {
  const text = written.map((part, at) => part + (at < pieces.length ? show(pieces[at]) : ""));
  return new Markup(text.join(""));
}

function show(piece: Piece): string {
  if (piece === undefined) return "";
  if (piece instanceof Markup) return piece.text;
  if (typeof piece === "object") return piece.map(({ text }) => text).join("");
  return String(piece).replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
