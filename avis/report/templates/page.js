'use strict';
// Shared state and small helpers. Names of videos and methods come from files: they become text
// nodes or attributes, never markup.
const report = (() => {
  const read = (id) => document.getElementById(id).textContent;
  const data = JSON.parse(read('data'));
  const listeners = [];
  const state = { metric: data.metrics[0], dark: false };

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === 'onclick') made.addEventListener('click', value);
      else if (value !== null && value !== false) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  // Text of a packed element: base64 of gzip.
  async function unpack(id) {
    const text = atob(read(id));
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return new Response(stream).text();
  }

  const missing = (value) => value === null || value === undefined;
  const format = (score) => (missing(score) ? '–' : score.toFixed(2));
  const count = (value) => (missing(value) ? '–'
    : String(Number.isInteger(value) ? value : Number(value.toFixed(2))));
  const estimate = ([value, low, high]) => (low === null || low === undefined
    ? format(value) : `${value.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`);
  const color = (name) => getComputedStyle(document.documentElement)
    .getPropertyValue(`--${name}`).trim();

  const palette = data.colors;

  function change(values) {
    Object.assign(state, values);
    for (const listener of listeners) listener(Object.keys(values));
  }

  function setTheme(dark) {
    document.documentElement.dataset.theme = dark ? 'dark' : 'light';
    const button = document.getElementById('theme');
    button.setAttribute('aria-pressed', String(dark));
    change({ dark });
  }

  const prefers = window.matchMedia('(prefers-color-scheme: dark)');
  let chosen = false;
  document.getElementById('theme').addEventListener('click', () => {
    chosen = true;
    setTheme(!state.dark);
  });
  prefers.addEventListener('change', () => { if (!chosen) setTheme(prefers.matches); });
  setTheme(prefers.matches);
  const select = document.getElementById('metric');
  select.value = state.metric;
  select.addEventListener('change', () => change({ metric: select.value }));

  return {
    data, state, element, unpack, missing, format, count, estimate, color, palette, change,
    text: read, onChange: (listener) => listeners.push(listener),
  };
})();
