// The page of `deblur live --serve`. Three ways in (camera, this machine's source, a file), one stage, one divider, one
// zoom; the last two are those of every other page.
import { Divider, Zoom } from "/page/slider.js";

const $ = (id) => document.getElementById(id);
const stage = $("stage"), canvas = $("picture"), received = $("received"), original = $("original");
const context = canvas.getContext("2d");

let mode = "camera";       // camera | watch | file
let hello = null;          // what the server said of itself
let running = null;        // Live or FileJob while there is a picture

// Small things -------------------------------------------------------------------------------------------------------

const show = (id, visible = true) => { $(id).hidden = !visible; };
function say(text = "") { $("message").textContent = text; show("message", Boolean(text)); }
function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
const size = (bytes) => bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${Number((bytes / 1e9).toFixed(1))} GB`;
const stamp = () => new Date().toISOString().slice(0, 19).replace(/[:T]/g, "-");

// The picture --------------------------------------------------------------------------------------------------------

// A part of a video element: of a stacked frame, the upper half is before and the lower half after.
const part = (video, top, height) => ({ video, top, height, width: video.videoWidth });

function paint(before, after) {
  const { width, height } = after;
  if (!width || !height) return;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const draw = (from, target, to) => target.drawImage(from.video, 0, from.top, from.width * to, from.height, 0, 0, width * to, height);
  draw(after, context, 1);
  if (before?.width) draw(before, context, split());
  const compares = Boolean(before?.width);
  for (const id of ["divider", "label-before", "label-after"]) show(id, compares);
  recorder?.draw(after);
}

function clean(after) {
  const picture = new OffscreenCanvas(after.width, after.height);
  picture.getContext("2d").drawImage(after.video, 0, after.top, after.width, after.height, 0, 0, after.width, after.height);
  return picture;
}

// Where the picture lies on the stage before it is zoomed, in pixels of the stage: it may be narrower.
function pictureBox() {
  const { offsetWidth, offsetHeight, offsetLeft } = canvas;
  const width = canvas.width * Math.min(offsetWidth / canvas.width, offsetHeight / canvas.height);
  return { left: offsetLeft + (offsetWidth - width) / 2, width };
}
// Share of the picture left of the divider, which stays where it is while the picture is zoomed and moved.
function split() {
  const { left, width } = pictureBox();
  return Math.min(1, Math.max(0, ((left + divider.position * width - zoom.x) / zoom.scale - left) / width));
}
const onPicture = (event) => ["live", "file"].includes(stage.dataset.state) && !event.target.closest("button, label");
const divider = new Divider(stage, $("divider"), {
  box: () => {
    const { left, width } = pictureBox();
    return { left: stage.getBoundingClientRect().left + stage.clientLeft + left, width };
  },
  moved: (position) => {
    const { left, width } = pictureBox();
    $("divider").style.left = `${left + position * width}px`;
    $("divider").setAttribute("aria-valuetext", `${Math.round(position * 100)}% before`);
    running?.repaint();
  },
  takes: (event) => !$("divider").hidden && zoom.scale === 1 && onPicture(event),
});
const zoom = new Zoom(stage, {
  moved: (scale, x, y) => {
    canvas.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    stage.classList.toggle("zoomed", scale > 1);
    stage.classList.toggle("pixels", canvas.offsetWidth * scale > 2 * canvas.width);
    running?.repaint();
  },
  pinched: () => divider.release(),
  takes: onPicture,
});
$("snapshot").before(zoom.bar);
document.querySelector("main").addEventListener("keydown", (event) => {
  if (running && !event.target.closest("input")) zoom.key(event);
});
const placeDivider = () => divider.set(divider.position);
new ResizeObserver(placeDivider).observe(canvas);

// Snapshot and recording: in the browser, of the deblurred picture alone ---------------------------------------------

$("snapshot").addEventListener("click", async () => {
  const after = running?.after();
  if (after?.width) save(await clean(after).convertToBlob({ type: "image/png" }), `deblurred-${stamp()}.png`);
});

const MAX_RECORDING = 2 ** 30; // bytes; the browser holds them
let recorder = null;

class Recorder {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d");
    this.chunks = []; this.bytes = 0;
    const types = ["video/mp4;codecs=avc1.640028", "video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm", "video/mp4"];
    this.type = types.find((type) => MediaRecorder.isTypeSupported(type));
  }
  draw({ video, top, width, height }) {
    if (!this.media) {
      Object.assign(this.canvas, { width, height });
      this.media = new MediaRecorder(this.canvas.captureStream(), { mimeType: this.type, videoBitsPerSecond: 16e6 });
      this.media.ondataavailable = ({ data }) => {
        this.chunks.push(data);
        this.bytes += data.size;
        if (this.bytes > MAX_RECORDING) { say("The recording was ended at 1 GB."); stopRecording(); }
      };
      this.media.start(1000);
    }
    // A picture that changes its size is fitted to that of the recording's beginning.
    this.context.drawImage(video, 0, top, width, height, 0, 0, this.canvas.width, this.canvas.height);
  }
  stop() {
    if (!this.media) return;
    this.media.onstop = () => {
      const type = this.type.split(";")[0];
      save(new Blob(this.chunks, { type }), `deblurred-${stamp()}.${type.split("/")[1]}`);
    };
    if (this.media.state !== "inactive") this.media.stop();
    this.media.stream.getTracks().forEach((track) => track.stop());
  }
}
function stopRecording() {
  recorder?.stop();
  recorder = null;
  $("record").setAttribute("aria-pressed", "false");
  $("record").textContent = "Record";
}
$("record").addEventListener("click", () => {
  if (recorder) return stopRecording();
  recorder = new Recorder();
  $("record").setAttribute("aria-pressed", "true");
  $("record").textContent = "Stop and save";
});

// Live ---------------------------------------------------------------------------------------------------------------

let channel = null; // the WebSocket to the server; its end is the end of everything that is ours there

function connect() {
  channel = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
  channel.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === "hello") greet(message);
    else if (message.type === "error") { if (running instanceof Live) idle(message.message); else say(message.message); }
    else if (running instanceof Live) running.take(message);
  };
  channel.onclose = ({ reason }) => {
    channel = null;
    if (running instanceof Live || mode !== "file") idle(reason || "The connection to the machine is lost.");
    $("start").textContent = "Connect again";
  };
}
const send = (message) => { if (channel?.readyState === WebSocket.OPEN) channel.send(JSON.stringify(message)); };

function greet(message) {
  hello = message;
  show("tab-watch", hello.modes.includes("watch"));
  $("engine").textContent = hello.engine;
  $("file-limits").textContent = `At most ${size(hello.upload_bytes)} and ${Math.round(hello.upload_seconds / 60)} minutes. It is deleted when you leave.`;
  $("start").disabled = false;
  // Where there is something to watch, that is what the page was opened for.
  if (!running) choose(hello.modes.includes("watch") ? "watch" : mode);
}

class Live {
  constructor(kind) { this.kind = kind; this.aspect = 0; this.facing = "user"; this.last = {}; }

  async start() {
    if (this.kind === "camera") await this.openCamera();
    this.peer = new RTCPeerConnection();
    this.peer.ontrack = ({ track, receiver }) => {
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
      received.srcObject = new MediaStream([track]);
      received.play().catch(({ name }) => { if (name === "NotAllowedError") say("Tap the picture to start it."); });
    };
    this.peer.onconnectionstatechange = () => {
      if (this.peer?.connectionState === "failed") idle("The video connection failed. Is UDP between the two devices blocked?");
    };
    if (this.camera) {
      const [track] = this.camera.getVideoTracks();
      const transceiver = this.peer.addTransceiver(track, { direction: "sendrecv", streams: [this.camera] });
      preferVp8(transceiver);
      const parameters = transceiver.sender.getParameters();
      parameters.degradationPreference = "maintain-resolution"; // each new size costs the engine a moment
      if (parameters.encodings?.length) parameters.encodings[0].maxBitrate = hello.bitrate;
      await transceiver.sender.setParameters(parameters).catch(() => {}); // a browser may know none of it
    } else {
      preferVp8(this.peer.addTransceiver("video", { direction: "recvonly" }));
    }
    await this.peer.setLocalDescription();
    await gathered(this.peer);
    this.settings();
    send({ type: "offer", mode: this.kind, sdp: this.peer.localDescription.sdp });
    this.timer = setInterval(() => this.measure(), 1000);
    this.onFrame();
  }

  async openCamera() {
    if (!navigator.mediaDevices) throw new Error("A browser gives the camera to secure pages alone: open the link with https, or on this machine itself.");
    const { width, height, rate } = hello.camera;
    const video = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: rate }, facingMode: this.facing };
    const camera = await navigator.mediaDevices.getUserMedia({ video });
    if (running !== this) { // left while the browser asked
      camera.getTracks().forEach((track) => track.stop());
      throw new Error("The camera is not needed any more.");
    }
    this.camera = camera;
    const cameras = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
    show("flip", cameras.length > 1);
  }

  async flip() {
    this.facing = this.facing === "user" ? "environment" : "user";
    this.camera.getTracks().forEach((track) => track.stop()); // phones open one camera at a time
    await this.openCamera();
    await this.peer.getSenders()[0].replaceTrack(this.camera.getVideoTracks()[0]);
  }

  settings() {
    send({ type: "settings", strength: Number($("strength").value), compare: $("compare").checked });
  }

  async take(message) {
    if (message.type === "answer") {
      await this.peer?.setRemoteDescription({ type: "answer", sdp: message.sdp }).catch((error) => idle(error.message));
    }
    if (message.type === "stats") {
      this.stats = message;
      this.aspect = message.height / message.width;
    }
  }

  parts() {
    const { videoWidth: width, videoHeight: height } = received;
    const half = height / 2;
    const isStacked = this.aspect && height > 1.5 * this.aspect * width;
    return isStacked ? [part(received, 0, half), part(received, half, half)] : [null, part(received, 0, height)];
  }
  after() { return this.parts()[1]; }
  repaint() { if (this.aspect) paint(...this.parts()); }

  onFrame() {
    if (running !== this) return;
    const next = () => this.onFrame();
    if ("requestVideoFrameCallback" in received) received.requestVideoFrameCallback(next); else requestAnimationFrame(next);
    if (!received.videoWidth || !this.aspect) return;
    if (stage.dataset.state !== "live") { begin("live"); placeDivider(); }
    this.repaint();
  }

  async measure() {
    const found = {};
    for (const report of (await this.peer?.getStats())?.values() ?? []) {
      if (report.type === "inbound-rtp" || report.type === "outbound-rtp") found[report.type] = report;
      if (report.type === "candidate-pair" && report.nominated) found.pair = report;
    }
    const { "inbound-rtp": inbound, "outbound-rtp": outbound, pair } = found, before = this.last;
    this.last = found;
    if (!inbound || !this.stats) return;
    // Milliseconds of each of `number` since the last look.
    const mean = (now, then, total, number) => now && then && now[number] > then[number] ? 1000 * (now[total] - then[total]) / (now[number] - then[number]) : 0;
    const then = before["inbound-rtp"];
    const way = 1000 * (pair?.currentRoundTripTime ?? 0) / (this.kind === "camera" ? 1 : 2);
    const total = way + (this.stats.latency ?? 0) + mean(outbound, before["outbound-rtp"], "totalEncodeTime", "framesEncoded")
      + mean(inbound, then, "jitterBufferDelay", "jitterBufferEmittedCount") + mean(inbound, then, "totalDecodeTime", "framesDecoded");
    $("fps").textContent = (inbound.framesPerSecond ?? 0).toFixed(0);
    $("latency").textContent = this.stats.latency === null ? "–" : `${total.toFixed(0)} ms`;
    $("dropped").textContent = this.stats.dropped;
    $("size").textContent = `${this.stats.width}×${this.stats.height}`;
  }

  stop() {
    send({ type: "stop" });
    clearInterval(this.timer);
    this.peer?.close();
    this.peer = null;
    this.camera?.getTracks().forEach((track) => track.stop());
    received.srcObject = null;
  }
}

// The machine encodes it far faster than H.264, and every browser knows it.
function preferVp8(transceiver) {
  const codecs = RTCRtpReceiver.getCapabilities?.("video")?.codecs;
  if (codecs && transceiver.setCodecPreferences) {
    const rank = ({ mimeType }) => Number(mimeType !== "video/VP8");
    transceiver.setCodecPreferences([...codecs].sort((one, other) => rank(one) - rank(other)));
  }
}

function gathered(peer) {
  if (peer.iceGatheringState === "complete") return null;
  return new Promise((resolve) => {
    peer.addEventListener("icegatheringstatechange", () => { if (peer.iceGatheringState === "complete") resolve(); });
    setTimeout(resolve, 2000); // addresses that take longer are of no use in a local network
  });
}

// A file -------------------------------------------------------------------------------------------------------------

class FileJob {
  constructor(file) { this.file = file; this.key = null; }

  async start() {
    begin("working");
    this.tell(`Sending ${this.file.name}`);
    try {
      this.key = await this.upload();
      await this.follow();
    } catch (error) {
      if (running === this) idle(error.message);
    }
  }

  tell(text, fraction) {
    $("work-text").textContent = text;
    if (fraction === undefined) $("work-bar").removeAttribute("value"); else $("work-bar").value = fraction;
  }

  upload() {
    return new Promise((resolve, reject) => {
      const request = this.request = new XMLHttpRequest(); // fetch can't tell how far an upload is
      request.open("POST", `/uploads?name=${encodeURIComponent(this.file.name)}&strength=${$("file-strength").value}`);
      request.upload.onprogress = ({ loaded, total }) => this.tell(`Sending ${this.file.name}`, loaded / total);
      request.onload = () => request.status === 201 ? resolve(JSON.parse(request.response).key) : reject(new Error(request.response.trim()));
      request.onerror = () => reject(new Error("The upload was refused or broke off."));
      if (this.file.size > hello.upload_bytes) reject(new Error(`The file is too large; at most ${size(hello.upload_bytes)} are taken here.`));
      else request.send(this.file);
    });
  }

  async status() {
    const answer = await fetch(`/uploads/${this.key}`);
    if (!answer.ok) throw new Error((await answer.text()).trim());
    return answer.json();
  }

  async follow() {
    while (running === this) {
      const status = await this.status();
      if (status.state === "failed") throw new Error(`Not deblurred: ${status.error}.`);
      if (status.state === "done") return this.present(status);
      if (status.state === "waiting") this.tell("Waiting for its turn");
      else if (!status.frames) this.tell("Preparing");
      else if (status.copying) this.tell("Preparing the comparison", status.total ? status.frames / status.total : undefined);
      else this.tell(`Deblurring: frame ${status.frames}${status.total ? ` of ${status.total}` : ""}`, status.total ? status.frames / status.total : undefined);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  async present(status) {
    const name = this.file.name.replace(/\.[^.]*$/, "");
    Object.assign($("download"), { href: `/uploads/${this.key}/result`, download: `${name}-deblurred.mp4` });
    $("notes").replaceChildren(...status.notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
    this.keep = setInterval(() => this.status().catch((error) => { if (running === this) idle(error.message); }), 10000);
    await load(received, `/uploads/${this.key}/result`).catch(() => { throw new Error("This browser can't play the result."); });
    this.url = URL.createObjectURL(this.file);
    const plays = (url) => load(original, url).then(() => true, () => false);
    this.comparable = await plays(this.url) || (status.original && await plays(`/uploads/${this.key}/original`));
    if (running !== this) return;
    begin("file");
    if (!this.comparable) say("This browser can't play the original, so there is nothing to compare the result with.");
    received.loop = true;
    this.play();
    placeDivider();
    this.onFrame();
  }

  parts() {
    const after = part(received, 0, received.videoHeight);
    return [this.comparable && $("compare").checked ? part(original, 0, original.videoHeight) : null, after];
  }
  after() { return this.parts()[1]; }
  repaint() { if (received.readyState > 1) paint(...this.parts()); }

  play() {
    received.play().catch(() => {});
    if (this.comparable) original.play().catch(() => {});
    $("play").textContent = "Pause";
  }
  pause() {
    received.pause(); original.pause();
    $("play").textContent = "Play";
    this.seek(received.currentTime);
  }
  seek(time) {
    received.currentTime = time;
    if (this.comparable) original.currentTime = time;
  }

  onFrame() {
    if (running !== this) return;
    requestAnimationFrame(() => this.onFrame());
    if (this.comparable && !received.paused && !original.seeking) {
      // Both play by themselves; the original is set right when it is off by more than a frame or so.
      if (original.paused) original.play().catch(() => {});
      if (Math.abs(original.currentTime - received.currentTime) > 0.06) original.currentTime = received.currentTime;
    }
    if (!received.paused) $("seek").value = received.currentTime / received.duration || 0;
    this.repaint();
  }

  stop() {
    this.request?.abort();
    clearInterval(this.keep);
    if (this.key) fetch(`/uploads/${this.key}`, { method: "DELETE", keepalive: true }).catch(() => {});
    for (const video of [received, original]) { video.pause(); video.removeAttribute("src"); video.load(); }
    if (this.url) URL.revokeObjectURL(this.url);
  }
}

function load(video, url) {
  return new Promise((resolve, reject) => {
    video.onloadeddata = resolve;
    video.onerror = reject;
    video.preload = "auto";
    video.src = url;
    video.load();
  });
}

// What is on the screen ----------------------------------------------------------------------------------------------

function begin(state) {
  stage.dataset.state = state;
  const isFile = state === "file", isLive = state === "live";
  show("welcome", false);
  show("work", state === "working");
  show("controls", isFile || isLive);
  show("figures", isLive);
  for (const id of ["play", "seek", "download"]) show(id, isFile);
  show("compare-control", !isFile || running.comparable);
  show("strength-control", isLive);
  if (!isLive || running.kind !== "camera") show("flip", false);
  say();
}

function idle(text = "") {
  stopRecording();
  running?.stop();
  running = null;
  begin("idle");
  zoom.to(1);
  for (const id of ["divider", "label-before", "label-after"]) show(id, false);
  $("notes").replaceChildren();
  show("welcome");
  choose(mode);
  say(text);
}

function choose(next) {
  if (next !== mode && running) { mode = next; return idle(); }
  mode = next;
  for (const tab of document.querySelectorAll("[role=tab]")) tab.setAttribute("aria-selected", String(tab.dataset.mode === mode));
  $("hint").textContent = {
    camera: "Your camera's picture goes to this machine, comes back sharp, and is kept nowhere.",
    watch: hello?.source ? `Watch ${hello.source} as it is deblurred.` : "",
    file: "A video file is deblurred, compared, downloaded, and deleted.",
  }[mode];
  $("start").textContent = channel ? { camera: "Start camera", watch: "Watch", file: "" }[mode] : "Connect again";
  show("start", mode !== "file");
  show("drop", mode === "file");
}

async function start() {
  if (!channel) return connect();
  say();
  const live = running = new Live(mode);
  $("start").disabled = true;
  try {
    await live.start();
  } catch (error) {
    if (running === live) idle(error.name === "NotAllowedError" ? "The camera was not allowed; allow it in the browser and try again." : error.message);
  } finally {
    $("start").disabled = false;
  }
}

function take(files) {
  if (!files?.length || mode !== "file" || running) return;
  if (!hello) return say("The machine has not answered yet; try again.");
  running = new FileJob(files[0]);
  running.start();
}

for (const tab of document.querySelectorAll("[role=tab]")) tab.addEventListener("click", () => choose(tab.dataset.mode));
$("start").addEventListener("click", start);
$("stop").addEventListener("click", () => idle());
$("work-cancel").addEventListener("click", () => idle());
$("flip").addEventListener("click", () => {
  const live = running;
  live.flip().catch((error) => { if (running === live) idle(error.message); });
});
// A slider that is dragged says so far more often than anybody sees.
let settling = null;
function settle() {
  settling ??= setTimeout(() => { settling = null; running?.settings?.(); }, 100);
}
$("compare").addEventListener("change", settle);
$("strength").addEventListener("input", () => {
  $("strength-value").textContent = Number($("strength").value).toFixed(2).replace(/0$/, "");
  settle();
});
$("file-strength").addEventListener("input", () => {
  $("file-strength-value").textContent = Number($("file-strength").value).toFixed(2).replace(/0$/, "");
});
$("play").addEventListener("click", () => received.paused ? running.play() : running.pause());
$("seek").addEventListener("input", () => { running.pause(); running.seek($("seek").value * received.duration); });
$("file").addEventListener("change", () => { take($("file").files); $("file").value = ""; });
$("drop").addEventListener("dragover", () => $("drop").classList.add("over"));
$("drop").addEventListener("dragleave", () => $("drop").classList.remove("over"));
// A file that is dropped beside the field would replace the page.
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
addEventListener("drop", (event) => { $("drop").classList.remove("over"); take(event.dataTransfer.files); });
stage.addEventListener("click", () => { if (running instanceof Live && received.paused) received.play().catch(() => {}); });
addEventListener("pagehide", () => { running?.stop(); running = null; });
addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });
connect();
