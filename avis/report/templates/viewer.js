'use strict';
// One video: ground truth above prediction with the errors, thumbnails, and a player whose cursor
// follows. Drawn when it is opened, from packed runs of frames.
(() => {
  const { data, state, element, palette, format } = report;
  const { videos } = data;
  const dialog = document.getElementById('viewer');
  const body = document.getElementById('viewer-body');
  const LANE = 22;
  const LABEL = 110;
  const GAP = 14;
  const THUMBNAILS = 6; // frames of a strip
  const PREDICTED = ['ghost_speaker', 'early_start', 'late_end', 'merge'];
  const COMPONENTS = {
    missed_speaker: 'who', ghost_speaker: 'who', late_start: 'who', early_end: 'who',
    early_start: 'who', late_end: 'who', poor_mask: 'where', identity_switch: 'same',
    split: 'same', merge: 'same', wrong_class: 'pair',
  };
  const LEGEND = { who: 'who: missed, ghost, late or early', where: 'where: poor mask',
    same: 'same: switch, split or merge', pair: 'same: wrong class' };
  const view = { index: null, method: 0, zoom: 1, frame: 0 };
  let timelines = null;
  let strips = null;
  let drawn = null;

  function svg(tag, attributes = {}, ...children) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  // Flat triples (a, b, c, a, b, c, ...) as a list of arrays.
  function triples(flat) {
    return Array.from({ length: flat.length / 3 }, (_, k) => flat.slice(3 * k, 3 * k + 3));
  }

  const words = (kind) => kind.replaceAll('_', ' ');
  const colorOf = (track) => (track < 0 ? '#8a949e' : palette[track % palette.length]);

  function nameOf(side, track) {
    const [id, label] = drawn.timeline[side === 'gt' ? 1 : 2][track];
    const known = videos.classes[view.method][label];
    return `${side} ${id}${known ? ` ${known}` : ''}`;
  }

  function fpsOf(index, frames) {
    const column = videos.columns.indexOf('fps');
    const stated = column < 0 ? null : videos.attributes[index][column];
    const seconds = (data.media[index] || [])[1];
    if (typeof stated === 'number' && stated > 0) return stated;
    return seconds ? frames / seconds : null;
  }

  function timeOf(frame) {
    return drawn.fps ? `frame ${frame}, ${(frame / drawn.fps).toFixed(2)} s` : `frame ${frame}`;
  }

  function patterns() {
    return svg('defs', {},
      svg('pattern', { id: 'hatch-who', width: 7, height: 7, patternUnits: 'userSpaceOnUse',
        patternTransform: 'rotate(45)' }, svg('line', { x1: 0, y1: 0, x2: 0, y2: 7, class: 'hatch-who' })),
      svg('pattern', { id: 'hatch-where', width: 6, height: 6, patternUnits: 'userSpaceOnUse' },
        svg('circle', { cx: 2, cy: 2, r: 1.6, class: 'hatch-where' })));
  }

  // Lanes from top to bottom: gt tracks, then predicted tracks.
  function lanes() {
    const [, gt, pred] = drawn.timeline;
    const list = [];
    let y = 20;
    for (const [side, tracks] of [['gt', gt], ['pred', pred]]) {
      tracks.forEach((track, k) => {
        list.push({ side, k, runs: triples(track[2]), y });
        y += LANE + 3;
      });
      y += GAP;
    }
    return [list, y];
  }

  function mark(kind, [track, start, length], lane, x) {
    const component = COMPONENTS[kind] || 'who';
    const title = svg('title', {}, `${words(kind)}: ${nameOf(lane.side, track)}, ${timeOf(start)}`
      + (length > 1 ? ` to ${start + length - 1}` : ''));
    if (component === 'same') {
      const at = x(start);
      return svg('path', { class: 'mark-same',
        d: `M${at} ${lane.y - 2}l6 6l-6 6l-6 -6zM${at - 1} ${lane.y + 8}h2v${LANE - 8}h-2z` }, title);
    }
    return svg('rect', { class: `mark-${component}`, x: x(start), y: lane.y + 1,
      width: Math.max(x(start + length) - x(start), 2), height: LANE - 2 }, title);
  }

  function drawTimeline(width) {
    const [frames, , , errors] = drawn.timeline;
    const plot = Math.max(width - LABEL - 12, 120) * view.zoom;
    const x = (frame) => LABEL + (frame / frames) * plot;
    const [list, height] = lanes();
    const root = svg('svg', { width: LABEL + plot + 12, height, 'aria-hidden': 'true' }, patterns());
    const unit = drawn.fps || 1; // frames of a second, or of nothing known
    const step = niceStep(frames / unit / Math.max(plot / 90, 1), drawn.fps ? 0.1 : 1);
    for (let k = 0; k * step * unit <= frames; k += 1) {
      const label = `${Number((k * step).toFixed(2))}${drawn.fps ? ' s' : ''}`;
      root.append(svg('text', { x: x(k * step * unit), y: 12, class: 'muted', 'text-anchor': 'middle' }, label));
    }
    for (const lane of list) {
      root.append(svg('rect', { class: 'lane', x: LABEL, y: lane.y, width: plot, height: LANE }));
      const label = svg('text', { x: 2, y: lane.y + 15 }, nameOf(lane.side, lane.k).slice(0, 16));
      label.append(svg('title', {}, nameOf(lane.side, lane.k)));
      root.append(label);
      for (const [start, length, partner] of lane.runs) {
        const fill = lane.side === 'gt' ? colorOf(lane.k) : colorOf(partner);
        root.append(svg('rect', { x: x(start), y: lane.y + 2, height: LANE - 4, fill,
          width: Math.max(x(start + length) - x(start), 1), 'fill-opacity': partner < 0 ? 0.35 : 0.9 }));
      }
    }
    for (const [kind, flat] of Object.entries(errors)) {
      const side = PREDICTED.includes(kind) ? 'pred' : 'gt';
      for (const run of triples(flat)) {
        const lane = list.find((found) => found.side === side && found.k === run[0]);
        root.append(mark(kind, run, lane, x));
      }
    }
    const cursor = svg('line', { class: 'cursor', y1: 14, y2: height });
    root.append(cursor);
    Object.assign(drawn, { x, cursor, plot, list });
    return root;
  }

  // The least of 1, 2, 5, 10, ... that is at least both numbers.
  function niceStep(least, smallest) {
    const power = 10 ** Math.floor(Math.log10(Math.max(least, smallest)));
    return [1, 2, 5, 10].map((k) => k * power).find((k) => k >= least) || smallest;
  }

  // What is visible at the cursor, in words.
  function describe(frame) {
    const at = (lane) => lane.runs.find(([start, length]) => start <= frame && frame < start + length);
    const parts = drawn.list.flatMap((lane) => {
      const run = at(lane);
      if (!run) return [];
      const other = lane.side === 'gt' ? 'pred' : 'gt';
      const matched = run[2] < 0 ? 'no match' : nameOf(other, run[2]);
      return lane.side === 'gt' || run[2] < 0 ? [`${nameOf(lane.side, lane.k)}: ${matched}`] : [];
    });
    return `${timeOf(frame)}. ${parts.join('; ') || 'no track'}`;
  }

  function moveTo(frame, { seek = false } = {}) {
    if (!drawn?.timeline) return;
    const last = drawn.timeline[0] - 1;
    view.frame = Math.min(Math.max(Math.round(frame), 0), Math.max(last, 0));
    const at = drawn.x(view.frame + 0.5);
    drawn.cursor.setAttribute('x1', at);
    drawn.cursor.setAttribute('x2', at);
    drawn.slider.setAttribute('aria-valuenow', view.frame);
    drawn.slider.setAttribute('aria-valuetext', timeOf(view.frame));
    drawn.status.textContent = describe(view.frame);
    if (seek && drawn.player && drawn.fps) drawn.player.currentTime = (view.frame + 0.5) / drawn.fps;
    if (seek && view.zoom > 1) {
      const { scrollLeft, clientWidth } = drawn.slider;
      if (at < scrollLeft + 20 || at > scrollLeft + clientWidth - 20) {
        drawn.slider.scrollLeft = at - clientWidth / 2;
      }
    }
  }

  function slider() {
    const frames = drawn.timeline[0];
    const made = element('div', { class: 'timeline card', role: 'slider', tabindex: 0,
      'aria-label': 'Position in the video', 'aria-valuemin': 0, 'aria-valuemax': frames - 1,
      'aria-orientation': 'horizontal' });
    made.addEventListener('keydown', (event) => {
      const page = Math.max(Math.round(frames / 10), 1);
      const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: page,
        PageDown: -page, Home: -frames, End: frames };
      if (!(event.key in steps)) return;
      event.preventDefault();
      moveTo(view.frame + steps[event.key], { seek: true });
    });
    const point = (event) => {
      const left = made.getBoundingClientRect().left + made.clientLeft
        + parseFloat(getComputedStyle(made).paddingLeft);
      const inside = event.clientX - left + made.scrollLeft - LABEL;
      moveTo(Math.floor((inside / drawn.plot) * frames), { seek: true });
    };
    made.addEventListener('click', point);
    made.addEventListener('pointermove', (event) => {
      if (event.buttons === 1 && event.pointerType === 'mouse') point(event);
    });
    return made;
  }

  function player(source) {
    const made = element('video', { controls: '', preload: 'metadata', src: source,
      playsinline: '', 'aria-label': 'Video' });
    const follow = () => {
      if (drawn?.player !== made) return;
      if (drawn.fps) moveTo(Math.floor(made.currentTime * drawn.fps));
      if (!made.paused && !made.ended) requestAnimationFrame(follow);
    };
    for (const name of ['play', 'seeked', 'timeupdate']) made.addEventListener(name, follow);
    made.addEventListener('error', () => {
      made.replaceWith(element('p', { class: 'note' }, 'The media file beside the report cannot be played.'));
    });
    return made;
  }

  function legend() {
    const items = Object.entries(LEGEND).map(([kind, label]) => {
      const shape = kind === 'same'
        ? svg('path', { class: 'mark-same', d: 'M11 1l6 6l-6 6l-6 -6z' })
        : svg('rect', { class: `mark-${kind}`, x: 1, y: 1, width: 20, height: 12 });
      return element('li', {}, svg('svg', { width: 22, height: 14, 'aria-hidden': 'true' }, shape), label);
    });
    return element('ul', { class: 'legend timeline' }, ...items,
      element('li', {}, 'a prediction has the color of the track that it is matched with, gray without'));
  }

  function errorList() {
    const runs = Object.entries(drawn.timeline[3]).flatMap(([kind, flat]) => (
      triples(flat).map(([track, start, length]) => ({ kind, track, start, length }))));
    runs.sort((a, b) => a.start - b.start);
    const list = element('ul', { class: 'errors' }, ...runs.map(({ kind, track, start }) => {
      const side = PREDICTED.includes(kind) ? 'pred' : 'gt';
      return element('li', {}, element('button', { type: 'button',
        onclick: () => moveTo(start, { seek: true }) },
      `${words(kind)}: ${nameOf(side, track)}, ${timeOf(start)}`));
    }));
    return element('details', { open: '' },
      element('summary', {}, `${runs.length} errors`), list);
  }

  function controls() {
    const bar = element('div', { class: 'bar' });
    if (data.methods.length > 1) {
      const select = element('select', { id: 'viewer-method' }, ...data.methods.map(({ name }, m) => (
        element('option', { value: m }, name))));
      select.value = view.method;
      select.addEventListener('change', () => { view.method = Number(select.value); show(); });
      bar.append(element('label', {}, 'Method ', select));
    }
    for (const [label, factor] of [['Zoom in', 2], ['Zoom out', 0.5]]) {
      bar.append(element('button', { type: 'button', onclick: () => {
        view.zoom = Math.min(Math.max(view.zoom * factor, 1), 64);
        redraw();
      } }, label));
    }
    return bar;
  }

  function strip() {
    strips ??= JSON.parse(report.text('strips'));
    const found = strips[view.index];
    if (!found) return '';
    const frames = Array.from({ length: THUMBNAILS }, () => element('span'));
    const image = new Image();
    image.addEventListener('load', () => {
      const width = image.naturalWidth / THUMBNAILS;
      frames.forEach((frame, k) => {
        frame.style.width = `${width}px`;
        frame.style.backgroundImage = `url("${image.src}")`;
        frame.style.backgroundPosition = `${-k * width}px 0`;
      });
    });
    image.src = `data:image/jpeg;base64,${found}`;
    return element('div', { class: 'strip', role: 'img',
      'aria-label': 'Frames of the video at equal distances' }, ...frames);
  }

  function redraw() {
    const { slider: holder, image } = drawn;
    const style = getComputedStyle(holder);
    const width = holder.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const drawing = drawTimeline(width);
    if (image) {
      image.style.width = `${drawn.plot}px`;
      image.style.marginLeft = `${LABEL}px`;
    }
    holder.replaceChildren(...(image ? [image] : []), drawing);
    moveTo(view.frame);
  }

  function show() {
    const { index } = view;
    const timeline = timelines?.[index]?.[view.method];
    const [source] = data.media[index] || [];
    drawn = { timeline, fps: timeline ? fpsOf(index, timeline[0]) : null };
    drawn.player = source ? player(source) : null;
    const scores = data.metrics.flatMap((metric) => {
      const value = videos.scores[metric]?.[view.method]?.[index];
      return value === undefined ? [] : [`${metric} ${format(value)}`];
    });
    body.replaceChildren(
      element('p', { class: 'note' }, scores.join(', ')),
      ...(drawn.player ? [drawn.player] : []), controls());
    if (!timeline) {
      const image = strip();
      body.append(...(image ? [image] : []), element('p', {},
        'No timeline of this video: evaluate with --diagnose, and keep timelines.json beside metrics.json.'));
      return;
    }
    drawn.status = element('p', { role: 'status', class: 'note' });
    drawn.slider = slider();
    drawn.image = strip() || null;
    body.append(drawn.slider, drawn.status, legend(), errorList());
    redraw();
  }

  async function open(index) {
    Object.assign(view, { index, zoom: 1, frame: 0 });
    document.getElementById('viewer-title').textContent = videos.names[index];
    for (const [id, step] of [['previous-video', -1], ['next-video', 1]]) {
      document.getElementById(id).disabled = report.neighbor(index, step) === undefined;
    }
    if (!dialog.open) dialog.showModal();
    if (timelines === null) {
      timelines = report.text('timelines') ? JSON.parse(await report.unpack('timelines')) : [];
    }
    if (view.index === index) show();
  }

  function close() {
    drawn?.player?.pause();
    drawn = null;
    body.replaceChildren();
    document.querySelector(`#table button[data-video="${view.index}"]`)?.focus();
  }

  for (const [id, step] of [['previous-video', -1], ['next-video', 1]]) {
    document.getElementById(id).addEventListener('click', () => {
      drawn?.player?.pause();
      const index = report.neighbor(view.index, step);
      if (index !== undefined) open(index);
    });
  }
  document.getElementById('close').addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', close);
  window.addEventListener('resize', () => { if (drawn?.timeline) redraw(); });
  report.onChange((keys) => { if (keys.includes('dark') && drawn?.timeline) redraw(); });
  report.openVideo = open;
})();
