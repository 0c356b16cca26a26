"""The page accepts uploads only: no URLs, no paths of the server, no foreign names."""

import json
import urllib.error
import urllib.request
from urllib.parse import quote

import pytest

from avis.app.prediction import Models, OwnModel, predict_upload
from avis.app.uploads import UploadError
from avis.export import read_results
from tests.helpers.painted import CONFIG

API = 'gradio_api/'


def request(address, path, data=None, **headers):
    """Return status and body of the answer."""
    body = json.dumps(data).encode() if isinstance(data, dict) else data
    if isinstance(data, dict):
        headers['Content-Type'] = 'application/json'
    call = urllib.request.Request(address + path, body, headers)
    try:
        with urllib.request.urlopen(call, timeout=60) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def upload(address, content, name='clip.mp4'):
    lines = [
        b'--x',
        f'Content-Disposition: form-data; name="files"; filename="{name}"'.encode(),
        b'Content-Type: video/mp4',
        b'',
        content,
        b'--x--',
        b'',
    ]
    kind = {'Content-Type': 'multipart/form-data; boundary=x'}
    return request(address, API + 'upload', b'\r\n'.join(lines), **kind)


def call_of(path):
    file = {'path': path, 'meta': {'_type': 'gradio.FileData'}}
    return {'data': [file], 'fn_index': 0, 'session_hash': 'attack', 'trigger_id': 1}


def test_page_loads_nothing_from_elsewhere(served):
    status, page, headers = request(served[0], '')
    assert status == 200
    assert b'googleapis' not in page
    assert "default-src 'self'" in headers['Content-Security-Policy']
    assert json.loads(request(served[0], 'config')[1])['analytics_enabled'] is False


@pytest.mark.parametrize(
    'path',
    [
        *('http://127.0.0.1:9/a.mp4', 'https://example.com/a.mp4', 'file:///etc/passwd'),
        *('/etc/passwd', '{}/../../etc/passwd', '{}/%2e%2e/%2e%2e/etc/passwd', 'etc/passwd'),
        *('\0', 'a' * 5000, 7),
    ],
)
def test_calls_with_urls_and_server_paths_are_refused(path, served):
    path = path.format(served[1]) if isinstance(path, str) else path
    status, reason, _ = request(served[0], API + 'queue/join', call_of(path))
    assert (status, reason) == (400, b'Expected an uploaded file.')


@pytest.mark.parametrize(
    'path',
    [
        *('file=/etc/passwd', 'file=http://127.0.0.1:9/', 'file=https://example.com/'),
        *('file={}/../x', 'file=%2e%2e/setup.py', 'file=setup.py'),
        *('proxy=http://127.0.0.1:9/', 'file/etc/passwd'),
    ],
)
def test_files_of_the_server_and_urls_are_not_served(path, served):
    status, body, _ = request(served[0], API + path.format(served[1]))
    assert status in (403, 404)
    assert b'root:' not in body
    assert b'setuptools' not in body


@pytest.mark.parametrize(
    'path',
    [
        *('run/predict', 'api/predict', 'call/predict', 'call/v2/predict', 'component_server'),
        *('login', 'run-history/connect', 'stream/x'),
    ],
)
def test_other_endpoints_do_not_exist(path, served):
    assert request(served[0], API + path, {'data': []})[0] == 404
    assert request(served[0], path, {'data': []})[0] == 404
    assert request(served[0], 'monitoring')[0] == 404
    assert request(served[0], 'docs')[0] == 404


def test_foreign_names_and_broken_calls_are_refused(served):
    assert request(served[0], '', Host='evil.example')[0] == 400
    for body, status in ((b'{', 400), (b'[' * 100_000, 400), (b' ' * 1_100_000, 413)):
        assert request(served[0], API + 'queue/join', body)[0] == status


def test_uploads_have_a_limit_and_names_cannot_leave_the_folder(served, clip):
    address, folder = served
    assert upload(address, b'0' * 1_200_000)[0] == 413
    status, paths, _ = upload(address, clip.read_bytes(), '../../../etc/evil.mp4')
    (path,) = json.loads(paths)
    assert status == 200
    assert path.startswith(f'{folder}/')
    assert request(address, f'{API}file={quote(path)}')[0] == 200


def test_links_in_the_folder_do_not_lead_out_of_it(served):
    address, folder = served
    link = folder / 'link.mp4'
    link.symlink_to('/etc/passwd')
    assert request(address, f'{API}file={link}')[0] == 404
    assert request(address, API + 'queue/join', call_of(str(link)))[0] == 400
    link.unlink()


def test_nothing_of_an_upload_is_cached():
    cfg = Models(None, 'cpu').load('avtracker_offline').cfg
    assert (cfg.model.cache_dir, cfg.model.record_dir) == (None, None)


def test_downloads_name_no_folder_of_the_server(clip, tmp_path):
    models = Models(OwnModel(str(CONFIG), None), 'cpu')
    prediction = predict_upload(models.load(models.choices[0][1]), clip, tmp_path)
    folder = prediction.video.parent
    settings = read_results(folder).settings
    assert settings['video'][0] == clip.name
    assert settings['config'].startswith(CONFIG.name)
    for path in folder.iterdir():
        assert str(clip.parent).encode() not in path.read_bytes()
        assert str(CONFIG.parent).encode() not in path.read_bytes()


def test_models_that_can_predict_come_first_and_others_say_what_they_need():
    models = Models(None, 'cpu')
    names = [name for _, name in models.choices]
    assert names[0] == 'avtracker_offline'
    models.check(names[0])
    assert 'tpavi_r50_s4 (avs, needs weights)' in dict(map(reversed, models.choices)).values()
    with pytest.raises(UploadError, match='avis app tpavi_r50_s4 --checkpoint FILE'):
        models.check('tpavi_r50_s4')
