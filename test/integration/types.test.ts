/** The types of the public doors are complete: a program that uses them compiles against the declarations alone. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { equal, is, ok } from '../support/assert.ts';
import { suite } from '../support/suite.ts';

const test = suite('types of the doors', { timeout: 180_000 });

const PROGRAM = `
import { connect, createEndpoint, createIdentity, duplexOf, listen } from 'ooto/node';
import type { Answer, Body, ChannelStream, Clock, Endpoint, HandlerRecord, Identity, IncomingRequest, Peer, PinnedKeys } from 'ooto/node';
import type { DatagramEvent, DatagramLimits, DatagramMessageListener, DatagramPeer, SignedItem } from 'ooto/node';
import type { CookieGuard, CredentialVerifier, Moment, ProofExpectation, VerifiedMessage } from 'ooto';
import { pinnedKeyVerifier, verifyProof } from 'ooto';
import { createNodeCrypto } from 'ooto/node';
import type { PublicKey, RequestHandler, RequestOptions, Signer, Transport, VerificationKey } from 'ooto';
import { ChannelListener, ChannelMessageEvent, isOotoError, OotoError, RemoteRefusal, SecureChannel } from 'ooto';
import { connect as connectPage, createIdentity as createPageIdentity } from 'ooto/browser';

const identity: Identity = createIdentity();
const signer: Signer = identity;
const key: VerificationKey = { algorithm: 'ed25519', bytes: identity.publicKey };
const peers: PinnedKeys = [key, identity.publicKey];
const echo: RequestHandler = async (request: IncomingRequest): Promise<Answer> => request.stream();
const handlers: HandlerRecord = { echo, nothing: () => {}, text: (request) => request.text() };
const listener: ChannelListener = await listen({ address: '127.0.0.1:0', identity: signer, peers, handlers });
const options: RequestOptions = { signal: AbortSignal.timeout(1), deadlineMs: 5, mostBytes: 6 };
const channel: SecureChannel = await connect({ address: listener.address, identity, peer: key });
const answer: Uint8Array = await channel.request('echo', 'body', options);
const body: Body = (async function* () { yield answer; })();
for await (const part of channel.requestParts('echo', body)) part satisfies Uint8Array;
const stream: ChannelStream = await channel.openStream({ name: 'n' });
duplexOf(stream).end();
for await (const chunk of stream) chunk satisfies Uint8Array;
await using disposed = stream;
const peer: Peer = channel.peer;
peer.identity.identityKey.bytes satisfies Uint8Array;
channel.addEventListener('message', (event) => event instanceof ChannelMessageEvent && event.data satisfies Uint8Array);
const verifier: CredentialVerifier = pinnedKeyVerifier(createNodeCrypto(), peers);
const expectation: ProofExpectation = { sender: key, receiver: key, application: 'a', at: 1 };
const prove = (event: ChannelMessageEvent): VerifiedMessage => verifyProof(createNodeCrypto(), event.exportProof(), expectation);
const onMessage: DatagramMessageListener = (message: Uint8Array, items: readonly SignedItem[]) => {};
const limits: Partial<DatagramLimits> = { keepAliveMs: 5 };
const take = (one: DatagramPeer) => { one.onMessage = onMessage; one.onEvent = (event: DatagramEvent) => {}; one.peerId satisfies string; };
const kept: CookieGuard | Moment | undefined = undefined;
const ended: OotoError | undefined = await channel.closed;
if (isOotoError(ended) && ended instanceof RemoteRefusal) ended.remoteCode satisfies string;
const endpoint: Endpoint = createEndpoint({ identity, application: 'a', streamLimits: { resetBurst: 5 } });
const transport: Transport | undefined = undefined;
const clock: Clock | undefined = undefined;
await endpoint.close();
const page = await createPageIdentity();
const pinned: PublicKey = page.publicKey;
await connectPage({ address: 'ws://x:1', identity: page, peer: pinned });
// @ts-expect-error a peer must be named
await connect({ address: 'x', identity });
export { kept, limits, prove, take, verifier, clock, disposed, transport };
`;

test('a program compiles against them, in strict mode, and the declarations with it', () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'ooto-types-')));
  try {
    const home = join(folder, 'node_modules', 'ooto');
    mkdirSync(join(folder, 'node_modules', '@types'), { recursive: true });
    const types = join(home, 'build', 'types');
    const { status, stderr } = spawnSync(process.execPath, ['scripts/types.mjs', types], {
      encoding: 'utf8',
    });
    is(status, 0, stderr);
    cpSync('package.json', join(home, 'package.json'));
    for (const name of ['node', 'ws'])
      symlinkSync(
        realpathSync(join('node_modules', '@types', name)),
        join(folder, 'node_modules', '@types', name),
      );
    symlinkSync(
      realpathSync(join('node_modules', 'undici-types')),
      join(folder, 'node_modules', 'undici-types'),
    );
    const file = join(folder, 'program.mts');
    writeFileSync(file, PROGRAM);
    const program = ts.createProgram([file], {
      strict: true,
      noEmit: true,
      exactOptionalPropertyTypes: true,
      target: ts.ScriptTarget.ES2023,
      lib: [
        'lib.es2023.d.ts',
        'lib.esnext.disposable.d.ts',
        'lib.dom.d.ts',
        'lib.dom.iterable.d.ts',
        'lib.dom.asynciterable.d.ts',
      ],
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      types: ['node'],
      typeRoots: [join(folder, 'node_modules', '@types')],
    });
    const ours = program
      .getSourceFiles()
      .filter(({ fileName }) => !/[/](typescript|@types|undici-types)[/]/.test(fileName));
    const wrong = ours
      .flatMap((one) => [...program.getSyntacticDiagnostics(one), ...program.getSemanticDiagnostics(one)])
      .map(
        ({ messageText, file: at }) =>
          `${at?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
      );
    equal([...program.getGlobalDiagnostics(), ...wrong], []);
    ok(ours.length > 50, `${ours.length} files were checked`);
    ok(program.getSourceFiles().some(({ fileName }) => fileName.endsWith('build/types/node.d.ts')));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
