/** The languages that are highlighted, by the names that people write after a fence. */
const names: Record<string, string> = {
  bash: 'bash',
  sh: 'bash',
  shell: 'bash',
  zsh: 'bash',
  console: 'bash',
  json: 'json',
  jsonc: 'json',
  yaml: 'yaml',
  yml: 'yaml',
  toml: 'ini',
  ini: 'ini',
  diff: 'diff',
  patch: 'diff',
  js: 'javascript',
  javascript: 'javascript',
  jsx: 'javascript',
  ts: 'typescript',
  typescript: 'typescript',
  tsx: 'typescript',
  py: 'python',
  python: 'python',
  rs: 'rust',
  rust: 'rust',
  go: 'go',
  golang: 'go',
  sql: 'sql',
  html: 'xml',
  xml: 'xml',
  svg: 'xml',
  dockerfile: 'dockerfile',
  docker: 'dockerfile',
};

/** The grammar for what is written after a fence, if there is one: "sh" is "bash". */
export function grammarOf(info: string): string | undefined {
  const name = /^[\w+#-]*/.exec(info.trim().toLowerCase())?.[0] ?? '';
  return Object.hasOwn(names, name) ? names[name] : undefined;
}
