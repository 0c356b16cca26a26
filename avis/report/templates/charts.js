'use strict';
// Charts: each is drawn when it comes near the screen, after Plotly is unpacked.
(() => {
  const { data, state, element, palette, color, format, count, estimate } = report;
  const methods = data.methods.map((method) => method.name);
  // Plotly reads a subset of HTML in labels.
  const plain = (text) => String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const labels = methods.map(plain);
  const chosen = (id) => document.getElementById(id)?.value;
  const LEGEND = { orientation: 'h', y: 1.02, yanchor: 'bottom' };
  const SIZE = 5; // of a bin of the distribution
  const perVideo = (metric) => data.videos.scores[metric] || [];

  const bars = (names, rows) => rows.map((row, m) => ({
    type: 'bar', name: labels[m], x: names.map(plain), y: row.map((cell) => cell[0]),
    marker: { color: palette[m % palette.length] },
    error_y: {
      type: 'data', symmetric: false, color: color('text'), thickness: 1.2, width: 3,
      array: row.map(([value, , high]) => (high === null ? 0 : high - value)),
      arrayminus: row.map(([value, low]) => (low === null ? 0 : value - low)),
    },
  }));
  const estimates = (head, names, rows) => [[head, ...methods],
    ...names.map((name, i) => [name, ...rows.map((row) => estimate(row[i]))])];

  const charts = {
    'methods-chart': () => {
      const names = data.metrics.slice(0, 6);
      const rows = methods.map((_, m) => names.map((name) => data.summary[name][m]));
      return { traces: bars(names, rows), rows: estimates('score', names, rows), y: data.unit };
    },
    'conditions-chart': () => {
      const table = data.groups.find((found) => found.attribute === chosen('attribute'));
      const names = table.groups.map((name, i) => `${name} (${table.sizes[i]})`);
      const rows = table.scores[state.metric];
      const kind = table.pooled ? 'as the benchmark scores these videos' : 'mean over videos';
      return { traces: bars(names, rows), rows: estimates(table.attribute, names, rows),
        y: `${state.metric}, ${kind}` };
    },
    'diagnosis-chart': () => {
      const rows = data.diagnosis[chosen('decomposed')];
      const parts = [['score', color('score')], ['who', color('who')], ['where', color('where')],
        ['same', color('same')]];
      return {
        traces: parts.map(([name, fill]) => ({
          type: 'bar', orientation: 'h', name, y: labels, marker: { color: fill },
          x: rows.map((row) => (row ? row[name] : null)),
        })),
        layout: { barmode: 'stack', legend: { ...LEGEND, traceorder: 'normal' }, yaxis: { autorange: 'reversed', automargin: true },
          xaxis: { range: [0, 100], title: { text: 'percent' } } },
        rows: [['method', ...parts.map(([name]) => name)],
          ...methods.map((name, m) => [name,
            ...parts.map(([part]) => format(rows[m] && rows[m][part]))])],
      };
    },
    'errors-chart': () => {
      const first = data.errors.find(Boolean) || {};
      const kinds = Object.keys(first).filter((kind) => data.errors.some((e) => e && e[kind]));
      const names = kinds.map((kind) => kind.replaceAll('_', ' '));
      const counts = methods.map((_, m) => kinds.map((kind) => (data.errors[m] || {})[kind]));
      return {
        traces: counts.map((row, m) => ({ type: 'bar', name: labels[m], x: names, y: row,
          marker: { color: palette[m % palette.length] } })),
        rows: [['kind', ...methods],
          ...kinds.map((kind, k) => [kind, ...counts.map((row) => count(row[k]))])],
        y: 'number',
      };
    },
    'thresholds-chart': () => {
      const dashes = { HOTA: 'solid', DetA: 'dash', AssA: 'dot' };
      const lines = Object.keys(dashes).filter((name) => data.curves[name]);
      const { alphas } = data.curves;
      return {
        traces: lines.flatMap((name) => methods.flatMap((_, m) => (data.curves[name][m] ? [{
          type: 'scatter', mode: 'lines', name: `${labels[m]} ${name}`, x: alphas,
          y: data.curves[name][m],
          line: { color: palette[m % palette.length], dash: dashes[name] },
        }] : []))),
        layout: { xaxis: { title: { text: 'IoU threshold' } } },
        rows: [['threshold', ...lines.flatMap((name) => methods.map((m) => `${m} ${name}`))],
          ...alphas.map((alpha, i) => [alpha.toFixed(2), ...lines.flatMap((name) => (
            methods.map((_, m) => format((data.curves[name][m] || [])[i]))))])],
        y: 'percent',
      };
    },
    'distribution-chart': () => {
      const known = perVideo(state.metric).map((row) => row.filter((v) => v !== null));
      const flat = known.flat();
      const low = Math.floor(flat.reduce((a, b) => Math.min(a, b), 0) / SIZE) * SIZE;
      const high = Math.ceil(flat.reduce((a, b) => Math.max(a, b), 100) / SIZE) * SIZE;
      return {
        traces: known.map((values, m) => ({
          type: 'histogram', name: labels[m], opacity: methods.length > 1 ? 0.6 : 1,
          x: values.map((v) => Math.min(v, high - 1e-6)), // the best score is in the last bin
          xbins: { start: low, end: high, size: SIZE },
          marker: { color: palette[m % palette.length] },
        })),
        layout: { barmode: 'overlay', xaxis: { title: { text: plain(state.metric) } } },
        rows: [['method', 'videos', 'lowest', 'median', 'highest'],
          ...methods.map((name, m) => {
            const values = (known[m] || []).toSorted((a, b) => a - b);
            const at = (share) => format(values[Math.round(share * (values.length - 1))]);
            return [name, String(values.length), at(0), at(0.5), at(1)];
          })],
        y: 'videos',
      };
    },
  };
  const dependsOn = { 'conditions-chart': ['metric'], 'distribution-chart': ['metric'] };
  const shown = new Set();
  let plotly = null;

  function load() {
    plotly ??= report.unpack('plotly').then((source) => new Promise((resolve, reject) => {
      const script = document.createElement('script');
      script.nonce = document.querySelector('script[nonce]').nonce;
      // A script with an address is compiled beside the main thread.
      script.src = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
      script.onload = () => resolve(window.Plotly);
      script.onerror = reject;
      document.head.append(script);
    }));
    return plotly;
  }

  function axis() {
    return { gridcolor: color('line'), zerolinecolor: color('line'), automargin: true };
  }

  async function draw(id) {
    const figure = document.getElementById(id);
    const Plotly = await load();
    const chart = charts[id]();
    const layout = chart.layout || {};
    await Plotly.react(figure.querySelector('.chart'), chart.traces, {
      height: 340, margin: { l: 55, r: 15, t: 10, b: 50 }, barmode: 'group',
      paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
      font: { color: color('text'), family: 'system-ui, sans-serif' },
      legend: LEGEND, showlegend: true, ...layout,
      xaxis: { ...axis(), ...layout.xaxis },
      yaxis: { ...axis(), title: { text: plain(chart.y || '') }, ...layout.yaxis },
    }, { responsive: true, displaylogo: false,
      displayModeBar: window.matchMedia('(hover: hover)').matches ? 'hover' : false,
      modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d'] });
    figure.dataset.drawn = 'true';
    if (figure.querySelector('details').open) fillNumbers(id);
  }

  function fillNumbers(id) {
    const [head, ...rows] = charts[id]().rows;
    const table = element('table', {},
      element('thead', {}, element('tr', {}, ...head.map((t) => element('th', { scope: 'col' }, t)))),
      element('tbody', {}, ...rows.map(([first, ...cells]) => element('tr', {},
        element('th', { scope: 'row' }, first),
        ...cells.map((cell) => element('td', { class: 'number' }, cell))))));
    document.getElementById(id).querySelector('details .scroll').replaceChildren(table);
  }

  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting && !shown.has(target.id)) {
        shown.add(target.id);
        draw(target.id);
      }
    }
  }, { rootMargin: '400px' });
  for (const id of Object.keys(charts)) {
    const figure = document.getElementById(id);
    if (figure === null) continue;
    const details = figure.querySelector('details');
    details.addEventListener('toggle', () => { if (details.open) fillNumbers(id); });
    // After the first paint, so that the summary and the table do not wait for Plotly.
    requestAnimationFrame(() => setTimeout(() => observer.observe(figure)));
  }
  report.onChange((keys) => {
    for (const id of shown) {
      if (keys.includes('dark') || (dependsOn[id] || []).some((key) => keys.includes(key))) draw(id);
    }
  });
  for (const [select, id] of [['attribute', 'conditions-chart'], ['decomposed', 'diagnosis-chart']]) {
    document.getElementById(select)?.addEventListener('change', () => { shown.add(id); draw(id); });
  }
})();
