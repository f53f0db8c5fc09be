// Writes docs/errors.md: every error code of src with who is at fault and what is said, read from the source. What
// flows through here: each place that makes an OotoError, or calls a function of its file that does, gives a code,
// a fault and a message; they are sorted by room and written as tables.
//   node scripts/error-codes.mjs [--check]
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import ts from 'typescript';

const ROOT = dirname(import.meta.dirname);
const PAGE = join(ROOT, 'docs', 'errors.md');
const CODE = /^OOTO_[A-Z0-9]+(?:_[A-Z0-9]+)+$/;
const SHOWN_MESSAGES = 2;
const TELLING_NAMES = new Set(['message', 'reason', 'text', 'what', 'why']);

/** The text of the page. */
export function errorPage() {
  const entries = filesBelow(join(ROOT, 'src')).flatMap(errorsOf);
  const byCode = new Map();
  for (const entry of entries) byCode.set(entry.code, [...(byCode.get(entry.code) ?? []), entry]);
  const rooms = new Map();
  for (const code of [...byCode.keys()].sort()) {
    const room = code.split('_')[1];
    rooms.set(room, [...(rooms.get(room) ?? []), row(code, byCode.get(code))]);
  }
  const tables = [...rooms].map(
    ([room, rows]) => `## ${room}\n\n| code | fault | says |\n|---|---|---|\n${rows.join('\n')}\n`,
  );
  return `# Error codes

Every error is an \`OotoError\` with a stable \`code\`, the party at \`fault\` (\`peer\`: the remote side; \`local\`: this
program; \`caller\`: the code or person that asked; \`environment\`: disk, network, platform), a message and often a
\`hint\`. Codes are what programs branch on; messages may change. None of this is ever sent to a peer.

This page is written by \`node scripts/error-codes.mjs\` from the source.

${tables.join('\n')}`;
}

function row(code, entries) {
  const faults = distinct(entries.map(({ fault }) => fault));
  const messages = distinct(entries.map(({ message }) => message));
  const more = messages.length > SHOWN_MESSAGES ? '; and others' : '';
  const said = messages.slice(0, SHOWN_MESSAGES).join('; ').replaceAll('|', '\\|');
  return `| \`${code}\` | ${faults.join(', ')} | ${said}${more} |`;
}

function distinct(values) {
  return [...new Set(values.filter((value) => value !== undefined && value !== ''))];
}

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesBelow(path);
      return entry.name.endsWith('.ts') ? [path] : [];
    });
}

/** Codes of one file: where an error is made, and where a function is called that makes one of its argument. */
function errorsOf(path) {
  const makers = makersInReach(path);
  const found = [];
  visit(parsed(path), (node) => {
    if (isMaking(node)) found.push(...madeHere(node));
    const maker = makers.get(calledName(node));
    if (maker) found.push(...madeBy(maker, node));
  });
  return found;
}

const sources = new Map();
function parsed(path) {
  const known = sources.get(path);
  if (known) return known;
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  sources.set(path, file);
  return file;
}

/** `new OotoError(…)`, or `super(…)` in a class that extends it. */
function isMaking(node) {
  if (ts.isNewExpression(node)) return node.expression.getText() === 'OotoError';
  if (!ts.isCallExpression(node) || node.expression.kind !== ts.SyntaxKind.SuperKeyword) return false;
  const { heritageClauses } = enclosing(node, ts.isClassDeclaration) ?? {};
  return heritageClauses?.some((clause) => /\bOotoError\b/.test(clause.getText())) ?? false;
}

function madeHere(node) {
  const [code, fault, message] = node.arguments ?? [];
  return literals(code)
    .filter(isCode)
    .map((code) => ({ code, fault: literals(fault).join(', '), message: words(message) }));
}

/** `name(…)`, `this.name(…)` or `new Name(…)`. */
function calledName(node) {
  if (ts.isNewExpression(node)) return node.expression.getText();
  if (!ts.isCallExpression(node)) return undefined;
  if (ts.isIdentifier(node.expression)) return node.expression.text;
  return ts.isPropertyAccessExpression(node.expression) ? node.expression.name.text : undefined;
}

/** The makers of a file and those that it imports. */
function makersInReach(path) {
  const inReach = new Map();
  for (const statement of parsed(path).statements) {
    if (!ts.isImportDeclaration(statement) || !statement.moduleSpecifier.text.startsWith('.')) continue;
    const imported = join(dirname(path), statement.moduleSpecifier.text);
    const theirs = existsSync(imported) ? makersOf(imported) : new Map();
    for (const { name } of statement.importClause?.namedBindings?.elements ?? [])
      if (theirs.has(name.text)) inReach.set(name.text, theirs.get(name.text));
  }
  for (const [name, maker] of makersOf(path)) inReach.set(name, maker);
  return inReach;
}

const makersByFile = new Map();
/** Functions and classes of a file whose error's code or words are, or end in, one of their parameters. */
function makersOf(path) {
  const known = makersByFile.get(path);
  if (known) return known;
  const makers = new Map();
  makersByFile.set(path, makers);
  const note = (node, made) => {
    const holder = enclosing(node, (at) => ts.isFunctionLike(at) && !ts.isArrowFunction(at));
    const name = (ts.isConstructorDeclaration(holder ?? node) ? holder.parent : holder)?.name?.getText();
    const maker = name && made.code && makerFrom(holder, made);
    if (maker && !makers.has(name)) makers.set(name, maker);
  };
  visit(parsed(path), (node) => {
    const [code, fault, message] = node.arguments ?? [];
    if (isMaking(node)) note(node, { code, fault, message });
  });
  const inReach = makersInReach(path);
  visit(parsed(path), (node) => {
    const inner = inReach.get(calledName(node));
    if (!inner || inner.codeAt < 0) return;
    const [code, message] = [node.arguments[inner.codeAt], node.arguments[inner.messageAt]];
    note(node, { code, message, knownFault: inner.fault });
  });
  return makers;
}

function makerFrom(holder, { code, fault, message, knownFault }) {
  const parameters = holder.parameters.map((parameter) => parameter.name.getText());
  const { prefix, name } = opened(code);
  const [codeAt, faultAt] = [parameters.indexOf(name), parameters.indexOf(fault?.getText())];
  const messageAt = parameters.indexOf(messageName(message, parameters));
  const codes = literals(code);
  if (codeAt < 0 && (codes.length === 0 || messageAt < 0)) return undefined;
  return {
    prefix,
    codeAt,
    codes,
    faultAt,
    fault: knownFault ?? literals(faultAt < 0 ? fault : holder.parameters[faultAt].initializer).join(', '),
    messageAt,
    message: words(message),
  };
}

/** The parameter that says what happened, if one does; else the function's own words are shown. */
function messageName(message, parameters) {
  if (!message) return undefined;
  if (!ts.isTemplateExpression(message)) return message.getText();
  const names = message.templateSpans.map(({ expression }) => expression.getText());
  return names.find((name) => parameters.includes(name) && TELLING_NAMES.has(name));
}

/** `code` or `OOTO_ROOM_${what}`: the fixed beginning and the parameter after it. */
function opened(code) {
  if (ts.isIdentifier(code)) return { prefix: '', name: code.text };
  if (ts.isTemplateExpression(code) && code.templateSpans.length === 1)
    return { prefix: code.head.text, name: code.templateSpans[0].expression.getText() };
  return { prefix: '', name: undefined };
}

function madeBy(maker, call) {
  const message = words(call.arguments[maker.messageAt]) ?? maker.message;
  const fault = literals(call.arguments[maker.faultAt]).join(', ') || maker.fault;
  const codes = maker.codeAt < 0 ? maker.codes : literals(call.arguments[maker.codeAt]);
  return codes
    .map((code) => `${maker.prefix}${code}`)
    .filter(isCode)
    .map((code) => ({ code, fault, message }));
}

function isCode(text) {
  return CODE.test(text);
}

/** The text that an expression can be: a literal, or one of two. */
function literals(node) {
  if (!node) return [];
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isConditionalExpression(node)) return [...literals(node.whenTrue), ...literals(node.whenFalse)];
  return [];
}

/** A message as a reader would see it, with dots where values stand. */
function words(node) {
  if (!node) return undefined;
  if (ts.isTemplateExpression(node))
    return node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join('');
  return literals(node)[0];
}

function enclosing(node, isIt) {
  for (let at = node.parent; at; at = at.parent) if (isIt(at)) return at;
  return undefined;
}

function visit(node, use) {
  use(node);
  ts.forEachChild(node, (child) => visit(child, use));
}

if (basename(process.argv[1] ?? '') === 'error-codes.mjs') {
  if (!process.argv.includes('--check')) writeFileSync(PAGE, errorPage());
  else if (readFileSync(PAGE, 'utf8') !== errorPage()) {
    console.error('docs/errors.md is behind the source: run node scripts/error-codes.mjs');
    process.exitCode = 1;
  }
}
