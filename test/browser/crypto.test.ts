/**
 * The browser's bundle in headless Chromium, against node:crypto on this side: what is sealed, signed, agreed or
 * hashed in the page is opened, verified and computed here, and the other way round, with both variants of the
 * core.
 */
import * as node from 'node:crypto';
import { hex, unhex } from '../../src/base/hex.ts';
import * as assert from '../support/assert.ts';
import { chromiumIsInstalled, type OpenChromium, openChromium } from '../support/chromium.ts';
import { suite } from '../support/suite.ts';

type BrowserDoor = typeof import('../../src/browser.ts');
type Variant = 'plain' | 'relaxed' | 'own choice';
declare global {
  /** The bundle, as the page imported it. */
  var product: BrowserDoor;
}

const test = suite('browser bundle', { timeout: 60_000 });
const VARIANTS: readonly Variant[] = ['plain', 'relaxed', 'own choice'];
let chromium: OpenChromium;
const requested: string[] = [];

if (chromiumIsInstalled()) declareTests();
else test.unavailable('all', 'Chromium is not installed');

function declareTests(): void {
  test.before(async () => {
    chromium = await openChromium('browser.js');
    chromium.page.on('request', (request) => requested.push(new URL(request.url()).pathname));
  });
  test.after(() => chromium.close());

  test('one variant of the core is fetched, the one that the browser runs best', async () => {
    requested.length = 0;
    await inPage('own choice', ({ crypto }) => crypto.sha256Many([]).length);
    assert.equal(requested, ['/core-relaxed.wasm']);
  });

  test('a server without the core is named', async () => {
    const error = await chromium.page.evaluate(() =>
      globalThis.product
        .createBrowserCrypto({ plain: '/none.wasm', relaxed: '/none.wasm' })
        .then(String, ({ code, hint }) => ({ code, hint })),
    );
    assert.is((error as { code: string }).code, 'OOTO_CORE_MISSING');
    assert.type((error as { hint: string }).hint, 'string');
  });

  test('where the platform has no engine that answers at once, the core answers for it', async () => {
    const digest = await inPage('plain', ({ crypto, unhex, hex }) =>
      hex(crypto.sha256(unhex('616263'), 'hardware')),
    );
    assert.is(digest, node.createHash('sha256').update('abc').digest('hex'));
  });

  for (const variant of VARIANTS) declareVariant(variant);
}

function declareVariant(variant: Variant): void {
  test(`${variant}: sealed in the page, opened by OpenSSL, for every engine and many lengths`, async () => {
    const key = hex(node.randomBytes(32));
    const sealed = await inPage(
      variant,
      ({ crypto, unhex, hex }, { key }) =>
        [0, 1, 15, 16, 17, 255, 1024, 70_000].flatMap((length) =>
          (['wasm', 'auto'] as const).map((engine) => {
            const [iv, aad] = [crypto.random.bytes(12), crypto.random.bytes(13)];
            const plaintext = crypto.random.bytes(length);
            const sealed = crypto.aes256gcm.seal(unhex(key), iv, aad, plaintext, engine);
            const same = hex(crypto.aes256gcm.open(unhex(key), iv, aad, sealed, engine)) === hex(plaintext);
            return { iv: hex(iv), aad: hex(aad), plaintext: hex(plaintext), sealed: hex(sealed), same };
          }),
        ),
      { key },
    );
    assert.is(sealed.length, 16);
    for (const record of sealed) {
      assert.ok(record.same);
      assert.is(openWithNode(key, record), record.plaintext);
    }
  });

  test(`${variant}: a changed bit is refused`, async () => {
    const codes = await inPage(variant, ({ crypto, codeOf }) => {
      const [key, iv, aad] = [new Uint8Array(32), new Uint8Array(12), new Uint8Array(5)];
      const sealed = crypto.aes256gcm.seal(key, iv, aad, new Uint8Array(40));
      return Array.from(sealed, (_, at) => {
        const altered = sealed.map((byte, i) => (i === at ? byte ^ 0x80 : byte));
        return codeOf(() => crypto.aes256gcm.open(key, iv, aad, altered));
      });
    });
    assert.equal(new Set(codes), new Set(['OOTO_CRYPTO_AUTHENTICATION']));
    assert.is(codes.length, 56);
  });

  test(`${variant}: signed in the page, verified by OpenSSL`, async () => {
    const seed = hex(node.randomBytes(32));
    const { publicKey, signature } = await inPage(
      variant,
      ({ crypto, unhex, hex }, { seed }) => ({
        publicKey: hex(crypto.ed25519.publicKey(unhex(seed))),
        signature: hex(crypto.ed25519.sign(unhex(seed), unhex('616263'))),
      }),
      { seed },
    );
    const key = node.createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey, 'hex').toString('base64url') },
      format: 'jwk',
    });
    assert.ok(node.verify(null, Buffer.from('abc'), key, Buffer.from(signature, 'hex')));
  });

  test(`${variant}: signed by OpenSSL, verified in the page alone and in a batch that names the forged one`, async () => {
    const items = Array.from({ length: 65 }, () => signedByNode(node.randomBytes(40)));
    const { alone, batch } = await inPage(
      variant,
      ({ crypto, unhex, codeOf }, { items }) => {
        const signed = items.map(({ publicKey, message, signature }) => ({
          publicKey: unhex(publicKey),
          message: unhex(message),
          signature: unhex(signature),
        }));
        signed[41].message[0] ^= 1;
        const verify = ({ publicKey, message, signature }: (typeof signed)[number]) =>
          codeOf(() => crypto.ed25519.verify(publicKey, message, signature, 'wasm'));
        return { alone: signed.map(verify), batch: crypto.ed25519.verifyBatch(signed) };
      },
      { items },
    );
    assert.equal(batch, [41]);
    assert.is(alone[41], 'OOTO_CRYPTO_SIGNATURE');
    assert.is(alone.filter((code) => code === 'nothing thrown').length, 64);
  });

  test(`${variant}: both sides of X25519 agree across the border`, async () => {
    const own = node.generateKeyPairSync('x25519');
    const point = rawPublicKey(own.publicKey);
    const page = await inPage(
      variant,
      ({ crypto, unhex, hex }, { point }) => {
        const scalar = crypto.random.bytes(32);
        const shared = crypto.x25519.sharedSecret(scalar, unhex(point));
        return { point: hex(crypto.x25519.publicKey(scalar)), shared: hex(shared) };
      },
      { point },
    );
    const publicKey = node.createPublicKey({
      key: { kty: 'OKP', crv: 'X25519', x: Buffer.from(page.point, 'hex').toString('base64url') },
      format: 'jwk',
    });
    assert.is(node.diffieHellman({ privateKey: own.privateKey, publicKey }).toString('hex'), page.shared);
  });

  test(`${variant}: hashes are OpenSSL's`, async () => {
    const message = hex(node.randomBytes(5000));
    const hashes = await inPage(
      variant,
      ({ crypto, unhex, hex }, { message }) => ({
        sha256: hex(crypto.sha256(unhex(message), 'wasm')),
        many: crypto.sha256Many([1, 2, 3, 4, 5].map((n) => unhex(message).subarray(n))).map(hex),
        sha512: hex(crypto.sha512(unhex(message))),
        hmac: hex(crypto.hmac256(unhex('0b0b'), unhex(message))),
      }),
      { message },
    );
    const digest = (name: string, bytes: Uint8Array) => node.createHash(name).update(bytes).digest('hex');
    assert.is(hashes.sha256, digest('sha256', unhex(message)));
    assert.is(hashes.sha512, digest('sha512', unhex(message)));
    assert.is(hashes.hmac, node.createHmac('sha256', unhex('0b0b')).update(unhex(message)).digest('hex'));
    for (const [i, hash] of hashes.many.entries())
      assert.is(hash, digest('sha256', unhex(message).subarray(i + 1)));
  });
}

interface Tools {
  crypto: Awaited<ReturnType<BrowserDoor['createBrowserCrypto']>>;
  hex(bytes: Uint8Array): string;
  unhex(text: string): Uint8Array;
  /** The code of what `body` throws. */
  codeOf(body: () => unknown): string;
}

/** Runs `body` in the page with a fresh `Crypto`; it sees its arguments and nothing of this file. */
async function inPage<T, A extends object>(
  variant: Variant,
  body: (tools: Tools, given: A) => T,
  given: A = {} as A,
): Promise<T> {
  return chromium.page.evaluate(
    async ({ source, variant, given }) => {
      const files = { plain: '/core.wasm', relaxed: '/core-relaxed.wasm', 'own choice': undefined };
      const file = files[variant];
      const addresses = file === undefined ? undefined : { plain: file, relaxed: file };
      const crypto = await globalThis.product.createBrowserCrypto(addresses);
      const tools = {
        crypto,
        hex: (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''),
        unhex: (text: string) =>
          Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)),
        codeOf: (run: () => unknown) => {
          try {
            run();
            return 'nothing thrown';
          } catch (error) {
            return String((error as { code?: string }).code ?? error);
          }
        },
      };
      return new Function(`return (${source})`)()(tools, given);
    },
    { source: body.toString(), variant, given },
  ) as Promise<T>;
}

function openWithNode(key: string, record: { iv: string; aad: string; sealed: string }): string {
  const sealed = Buffer.from(record.sealed, 'hex');
  const decipher = node.createDecipheriv('aes-256-gcm', unhex(key), unhex(record.iv));
  decipher.setAAD(unhex(record.aad)).setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]).toString('hex');
}

function signedByNode(message: Buffer): { publicKey: string; message: string; signature: string } {
  const { publicKey, privateKey } = node.generateKeyPairSync('ed25519');
  const signature = node.sign(null, message, privateKey).toString('hex');
  return { publicKey: rawPublicKey(publicKey), message: message.toString('hex'), signature };
}

function rawPublicKey(key: node.KeyObject): string {
  return key.export({ type: 'spki', format: 'der' }).subarray(-32).toString('hex');
}
