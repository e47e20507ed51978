"""Models of transformers from a folder: tiny ones of the real architectures with random weights."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from redcore.data.store import Store
from redcore.exceptions import DataError, SettingsError
from redcore.extract import Source, extract, load_recipes
from redcore.extract._plan import ModalityPlan
from samples.recordings import WRITERS, write_audio, write_recordings, write_text

transformers = pytest.importorskip("transformers")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "film", "was", "good", "and", "a", "slow", "story"]
TINY = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


def audio_model(kind, folder):
    config = getattr(transformers, f"{kind}Config")(
        **TINY, conv_dim=(8, 8), conv_kernel=(10, 8), conv_stride=(5, 4), num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)


def text_model(folder):
    config = transformers.BertConfig(**TINY, vocab_size=len(WORDS), max_position_embeddings=12)
    transformers.BertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)


def image_model(folder):
    transformers.ViTModel(transformers.ViTConfig(**TINY, image_size=32, patch_size=8)).save_pretrained(folder)
    content = {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(content))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return the folder with the models wav2vec2, hubert, wavlm, bert and vit."""
    root = tmp_path_factory.mktemp("models")
    bars = transformers.utils.logging
    bars.disable_progress_bar()
    torch.manual_seed(0)
    for name, kind in (("wav2vec2", "Wav2Vec2"), ("hubert", "Hubert"), ("wavlm", "WavLM")):
        audio_model(kind, root / name)
    text_model(root / "bert")
    image_model(root / "vit")
    return root


def made(medium, path, **options):
    return ModalityPlan("m", medium, "pretrained", {"path": str(path), **options}).make()


def expected_state(folder, **inputs):
    with torch.inference_mode():
        return transformers.AutoModel.from_pretrained(folder).eval()(**inputs).last_hidden_state[0].numpy()


@pytest.mark.parametrize("name", ["wav2vec2", "hubert", "wavlm"])
def test_audio_is_the_mean_of_the_last_hidden_state(name, models, tmp_path):
    source = Source(write_audio(tmp_path / "a.wav"))
    values = made("audio", models / name).extract(source).values
    from redcore.extract._av import read_audio

    samples = read_audio(source, 16_000)
    normalised = torch.tensor((samples - samples.mean()) / np.sqrt(samples.var() + 1e-7))[None]
    state = expected_state(models / name, input_values=normalised)
    np.testing.assert_allclose(values, state.mean(axis=0), atol=1e-5)
    sequence = made("audio", models / name, pooling="sequence").extract(source).values
    np.testing.assert_allclose(sequence, state, atol=1e-5)


def test_long_recordings_are_encoded_in_chunks(models, tmp_path):
    source = Source(write_audio(tmp_path / "a.wav", seconds=2.5))
    whole, chunked = (
        made("audio", models / "wav2vec2", pooling="sequence", chunk_seconds=seconds).extract(source).values
        for seconds in (30, 1)
    )
    assert 0 < len(whole) - len(chunked) < 5  # each chunk loses the end of a window
    assert not np.isnan(chunked).any()


def test_texts_use_all_tokens_in_chunks_of_the_maximum_length(models, tmp_path):
    (tmp_path / "t").write_text("the film was good")
    ids = [[2, 5, 6, 7, 8, 3]]
    state = expected_state(models / "bert", input_ids=torch.tensor(ids))
    values = made("text", models / "bert").extract(Source(tmp_path / "t")).values
    np.testing.assert_allclose(values, state.mean(axis=0), atol=1e-5)
    first = made("text", models / "bert", pooling="first").extract(Source(tmp_path / "t")).values
    np.testing.assert_allclose(first, state[0], atol=1e-5)
    (tmp_path / "t").write_text("the film was good " * 10)
    # 40 words in chunks of 10, each with two special tokens
    assert made("text", models / "bert", pooling="sequence").extract(Source(tmp_path / "t")).values.shape == (48, 16)


def test_sentence_transformers_models_keep_their_pooling_and_normalisation(models, tmp_path):
    folder = Path(shutil.copytree(models / "bert", tmp_path / "sentence"))
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    content = [{"path": path, "type": f"sentence_transformers.models.{kind}"} for path, kind in modules]
    (folder / "modules.json").write_text(json.dumps(content))
    (folder / "1_Pooling").mkdir()
    pooling = folder / "1_Pooling" / "config.json"
    pooling.write_text(json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}))
    source = Source(write_text(tmp_path / "t"))
    values = made("text", folder).extract(source).values
    first = made("text", models / "bert", pooling="first").extract(source).values
    np.testing.assert_allclose(values, first / np.linalg.norm(first), atol=1e-5)
    pooling.write_text(json.dumps({"pooling_mode_max_tokens": True}))
    with pytest.raises(SettingsError, match="pooling pooling_mode_max_tokens, expected mean or first token"):
        made("text", folder)
    (folder / "modules.json").write_text(json.dumps([*content, {"path": "3", "type": "x.Dense"}]))
    pooling.write_text(json.dumps({"pooling_mode_mean_tokens": True}))
    with pytest.raises(SettingsError, match="step 'Dense' is not supported"):
        made("text", folder)


def test_images_and_the_frames_of_videos_are_encoded(models, tmp_path):
    for medium, shape in (("image", (16,)), ("video", (4, 16))):
        suffix, write = WRITERS[medium]
        values = made(medium, models / "vit").extract(Source(write(tmp_path / f"x{suffix}"))).values
        assert values.shape == shape
        assert np.isfinite(values).all()


def test_a_store_records_the_model_and_serves_new_recordings(models, tmp_path):
    folder = write_recordings(tmp_path / "r", ("text",), 4)
    model = Path(shutil.copytree(models / "bert", tmp_path / "model"))
    settings = {"text": {"path": str(model)}}
    extract(folder, tmp_path / "store", {"text": "pretrained"}, settings=settings, labels=folder / "labels.csv")
    recipe = load_recipes(tmp_path / "store")["text"]
    values = Store(tmp_path / "store").read().modalities["text"].values
    np.testing.assert_array_equal(recipe.features((folder / "s2.txt").read_bytes(), 60.0).values, values[2])
    weights = load_file(model / "model.safetensors")
    save_file({name: tensor + 1 for name, tensor in weights.items()}, model / "model.safetensors", {"format": "pt"})
    from redcore.extract._worker import extractor_of

    extractor_of.cache_clear()
    with pytest.raises(DataError, match="'text': the files of the model have changed since the extraction"):
        load_recipes(tmp_path / "store")


def test_models_that_could_run_code_are_rejected(models, tmp_path):
    folder = Path(shutil.copytree(models / "bert", tmp_path / "pickled"))
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(SettingsError, match=r"no file \*\.safetensors"):
        made("text", folder)
    folder = Path(shutil.copytree(models / "bert", tmp_path / "remote"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "model.Mine"}}))
    with pytest.raises(SettingsError, match="needs its own code"):
        made("text", folder)


def test_incomplete_models_are_errors_and_not_random_numbers(models, tmp_path):
    folder = Path(shutil.copytree(models / "bert", tmp_path / "incomplete"))
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.0.attention.self.query.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(SettingsError, match=r"weights do not fit.*attention\.self\.query\.weight"):
        made("text", folder).extract(Source(write_text(tmp_path / "t")))
    with pytest.raises(SettingsError, match="is not a folder, expected the folder of a model; nothing is downloaded"):
        made("text", "bert-base-uncased")
    with pytest.raises(SettingsError, match="no readable FeatureExtractor"):
        made("audio", models / "bert").extract(Source(write_audio(tmp_path / "a.wav")))
