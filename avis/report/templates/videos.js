'use strict';
// The table of videos: sorted, searched and shown a page at a time.
(() => {
  const { data, state, element, missing, format, count } = report;
  const { videos } = data;
  const PAGE = 50;
  const collator = new Intl.Collator('en', { numeric: true });
  const table = document.getElementById('table');
  const search = document.getElementById('search');
  const sort = { key: 'name', down: false };
  const text = videos.names.map((name, i) => [name, ...videos.attributes[i]].join(' ').toLowerCase());
  let order = videos.names.map((_, i) => i);
  let page = 0;

  // One entry per column: key, heading, value of a video, and whether it is a number.
  function columns() {
    const scores = videos.scores[state.metric] || [];
    return [
      { key: 'name', head: 'video', value: (i) => videos.names[i] },
      ...data.methods.map(({ name }, m) => ({
        key: `score-${m}`, head: data.methods.length > 1 ? `${state.metric} ${name}` : state.metric,
        value: (i) => (scores[m] ? scores[m][i] : null), number: true, text: format,
      })),
      ...videos.errors.map((row, m) => ({
        key: `errors-${m}`, head: data.methods.length > 1 ? `errors ${data.methods[m].name}` : 'errors',
        value: (i) => row[i], number: true,
      })),
      ...videos.columns.map((head, c) => ({
        key: `attribute-${c}`, head, value: (i) => videos.attributes[i][c],
        number: videos.attributes.some((row) => typeof row[c] === 'number'), wide: true,
      })),
    ];
  }

  function compare(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a - b;
    return collator.compare(a, b);
  }

  function arrange() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    order = videos.names.map((_, i) => i)
      .filter((i) => words.every((word) => text[i].includes(word)));
    const column = columns().find(({ key }) => key === sort.key);
    const empty = (value) => missing(value) || value === '';
    order.sort((i, j) => {
      const a = column.value(i);
      const b = column.value(j);
      if (empty(a) || empty(b)) return empty(a) - empty(b) || i - j; // always last
      return (sort.down ? -1 : 1) * compare(a, b) || i - j;
    });
    page = Math.min(page, Math.max(Math.ceil(order.length / PAGE) - 1, 0));
    show();
  }

  function sortBy(key, number) {
    // Numbers begin with the lowest score, which is what one looks for.
    Object.assign(sort, sort.key === key ? { down: !sort.down } : { key, down: false });
    page = 0;
    arrange();
    table.querySelector(`th[data-key="${key}"] button`).focus();
  }

  function show() {
    const shown = columns();
    const head = element('tr', {}, ...shown.map(({ key, head: label, number }) => {
      const active = sort.key === key;
      const mark = active ? (sort.down ? ' ▼' : ' ▲') : '';
      return element('th', { scope: 'col', 'data-key': key, class: number ? 'number' : '',
        'aria-sort': active ? (sort.down ? 'descending' : 'ascending') : null },
      element('button', { type: 'button', onclick: () => sortBy(key, number) }, label + mark));
    }));
    const rows = order.slice(page * PAGE, (page + 1) * PAGE).map((i) => element('tr', {},
      ...shown.map(({ key, value, number, wide, text: shownAs }) => (key === 'name'
        ? element('th', { scope: 'row', class: 'name' }, element('button',
          { type: 'button', 'data-video': i, onclick: () => report.openVideo(i) }, value(i)))
        : element('td', { class: number ? 'number' : wide ? 'wide' : '' },
          typeof value(i) === 'string' ? value(i) : (shownAs || count)(value(i)))))));
    table.replaceChildren(element('thead', {}, head), element('tbody', {}, ...rows));
    const pages = Math.max(Math.ceil(order.length / PAGE), 1);
    document.getElementById('found').textContent = `${order.length} of ${videos.names.length} videos`;
    document.getElementById('page').textContent = `Page ${page + 1} of ${pages}`;
    document.getElementById('previous-page').disabled = page === 0;
    document.getElementById('next-page').disabled = page >= pages - 1;
  }

  function turn(step) {
    page += step;
    show();
    table.scrollIntoView({ block: 'nearest' });
  }

  document.getElementById('previous-page').addEventListener('click', () => turn(-1));
  document.getElementById('next-page').addEventListener('click', () => turn(1));
  search.addEventListener('input', () => { page = 0; arrange(); });
  report.onChange((keys) => { if (keys.includes('metric')) arrange(); });
  report.neighbor = (index, step) => order[order.indexOf(index) + step];
  arrange();
})();
