// Counting. Nothing here knows of the host: it is tested by itself.

/** What the model can mend. */
export class Wrong extends Error {}

export function count(text) {
  if (text === '') throw new Wrong('`text` is empty');
  return {
    characters: [...text].length,
    words: text.split(/\s+/).filter(Boolean).length,
    lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0),
  };
}
