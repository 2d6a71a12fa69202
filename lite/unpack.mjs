// Fetches and unpacks what Python in the browser is made of: gzipped tars, as Python's tarfile writes them.
const decoder = new TextDecoder();

export class Missing extends Error {}

// An answer of the site, or the reason why there is none.
export async function got(address) {
  const { pathname } = new URL(address);
  const name = pathname.slice(pathname.lastIndexOf("/") + 1);
  let answer;
  try {
    answer = await fetch(address);
  } catch {
    throw new Missing(`${name} was not to be had: there is no way to the site`);
  }
  if (!answer.ok) throw new Missing(`${name} was not to be had: ${answer.status} ${answer.statusText}`);
  return answer;
}

export async function unpacked(answer) {
  const stream = answer.body.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The files of a tar: each has a head of 512 bytes, and its content is filled up to a multiple of that.
function* files(tar) {
  const text = (at, length) => decoder.decode(tar.subarray(at, at + length)).replace(/\0.*$/s, "");
  for (let at = 0; tar[at]; ) {
    const [name, size, folder] = [text(at, 100), parseInt(text(at + 124, 12), 8), text(at + 345, 155)];
    yield [folder ? `${folder}/${name}` : name, tar.subarray(at + 512, at + 512 + size)];
    at += 512 * (1 + Math.ceil(size / 512));
  }
}

export function unpack(tar, FS, home) {
  const there = new Set();
  for (const [path, content] of files(tar)) {
    const whole = `${home}/${path}`;
    const folder = whole.slice(0, whole.lastIndexOf("/"));
    if (!there.has(folder)) FS.mkdirTree(folder);
    there.add(folder);
    FS.writeFile(whole, content, { canOwn: true });
  }
}
