/**
 * Lines from a stream, in the batches in which they arrive. A line over the limit is not kept: what stands for
 * it is `undefined`, and reading goes on behind its end.
 */
export async function* lineBatches(
  chunks: AsyncIterable<Uint8Array>,
  mostCharacters: number,
): AsyncGenerator<(string | undefined)[]> {
  const decoder = new TextDecoder();
  const open = { parts: [] as string[], length: 0 };
  for await (const chunk of chunks) {
    const pieces = decoder.decode(chunk, { stream: true }).split('\n');
    const batch = pieces.slice(0, -1).map((piece) => finish(open, piece, mostCharacters));
    keep(open, pieces[pieces.length - 1], mostCharacters);
    if (batch.length > 0) yield batch;
  }
  if (open.length > 0) yield [finish(open, decoder.decode(), mostCharacters)];
}

interface OpenLine {
  parts: string[];
  length: number;
}

/** Adds to the line that is still open; beyond the limit only its length is counted. */
function keep(open: OpenLine, piece: string, most: number): void {
  open.length += piece.length;
  if (open.length <= most) open.parts.push(piece);
  else open.parts = [];
}

function finish(open: OpenLine, piece: string, most: number): string | undefined {
  keep(open, piece, most);
  const line = open.length <= most ? open.parts.join('') : undefined;
  open.parts = [];
  open.length = 0;
  return line;
}
