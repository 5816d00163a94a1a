"""Models of the transformers package with small random weights, saved with their own processors: the real
classes from their own configurations, so that what is loaded is what a hub's folder would hold."""

from pathlib import Path

import torch


def _lively(model: torch.nn.Module) -> torch.nn.Module:
    """Weights under which signals neither die nor burst, so that what comes out depends on the picture:
    configurations' own beginnings are for training, and in few channels nothing is left of a picture."""
    for value in model.parameters():
        fan_in = value[0].numel() if value.dim() > 1 else 100
        if value.dim() > 1 or not (value == 1).all():
            torch.nn.init.normal_(value, 0, fan_in**-0.5)
    return model


def rtdetr(folder: Path, labels: list[str]) -> Path:
    from transformers import (
        RTDetrImageProcessorPil,
        RTDetrResNetConfig,
        RTDetrV2Config,
        RTDetrV2ForObjectDetection,
    )

    torch.manual_seed(0)
    config = RTDetrV2Config(
        backbone_config=RTDetrResNetConfig(
            embedding_size=8, hidden_sizes=[8, 16, 16, 16], depths=[1, 1, 1, 1], layer_type="basic",
            out_features=["stage2", "stage3", "stage4"],
        ),
        encoder_hidden_dim=16, encoder_in_channels=[16, 16, 16], encoder_layers=1, encoder_ffn_dim=16,
        encoder_attention_heads=2, d_model=16, decoder_in_channels=[16, 16, 16], decoder_ffn_dim=16,
        decoder_layers=2, decoder_attention_heads=2, num_queries=20, num_denoising=0, hidden_expansion=0.5,
        id2label=dict(enumerate(labels)), label2id={name: id for id, name in enumerate(labels)},
    )  # fmt: skip
    model = _lively(RTDetrV2ForObjectDetection(config))
    for layer in model.model.decoder.class_embed:
        torch.nn.init.normal_(layer.weight, 0, 2)
    model.save_pretrained(folder)
    RTDetrImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def grounding_dino(folder: Path, vocabulary: list[str]) -> Path:
    from transformers import (
        BertConfig,
        BertTokenizer,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessorPil,
        SwinConfig,
    )  # fmt: skip

    torch.manual_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?", *vocabulary]
    tokenizer = BertTokenizer(vocab={word: id for id, word in enumerate(words)}, do_lower_case=True)
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(
            image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1], window_size=2,
            out_features=["stage2", "stage3", "stage4"],
        ),
        text_config=BertConfig(
            vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=16,
        ),
        d_model=32, encoder_layers=1, encoder_ffn_dim=16, encoder_attention_heads=2, decoder_layers=2,
        decoder_ffn_dim=16, decoder_attention_heads=2, num_queries=20, max_text_len=64, fusion_dropout=0.0,
        fusion_droppath=0.0,
    )  # fmt: skip
    _lively(GroundingDinoForObjectDetection(config)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    GroundingDinoImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 96}).save_pretrained(folder)
    return folder


def sam2(folder: Path, *, video: bool = False) -> Path:
    """As SAM 2, or with the parts that follow things through a video: so its makers publish it."""
    from transformers import Sam2Config, Sam2HieraDetConfig, Sam2Model, Sam2VideoConfig, Sam2VideoModel

    torch.manual_seed(0)
    backbone = Sam2HieraDetConfig(
        hidden_size=8, num_attention_heads=1, image_size=[128, 128], blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64], num_attention_heads_per_stage=[1, 1, 1, 1],
        window_size_per_stage=[4, 2, 4, 2], global_attention_blocks=[3],
        window_positional_embedding_background_size=[2, 2],
    )  # fmt: skip
    parts = {
        "vision_config": {
            "backbone_config": backbone.to_dict(),
            "backbone_channel_list": [64, 32, 16, 8],
            "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
            "fpn_hidden_size": 32,
        },
        "prompt_encoder_config": {"hidden_size": 32, "image_size": 128, "patch_size": 16},
        "mask_decoder_config": {
            "hidden_size": 32, "mlp_dim": 16, "num_attention_heads": 2, "iou_head_hidden_dim": 16,
        },
    }  # fmt: skip
    if not video:
        _lively(Sam2Model(Sam2Config(**parts))).save_pretrained(folder)
        return folder
    memory = {
        "memory_attention_hidden_size": 32, "memory_attention_num_layers": 1,
        "memory_attention_feed_forward_hidden_size": 16, "memory_encoder_hidden_size": 32,
        "memory_encoder_output_channels": 8, "memory_fuser_embed_dim": 32,
        "memory_fuser_intermediate_dim": 16, "image_size": 128,
    }  # fmt: skip
    _lively(Sam2VideoModel(Sam2VideoConfig(**parts, **memory))).save_pretrained(folder)
    return folder


def mask2former(folder: Path, labels: list[str]) -> Path:
    from transformers import (
        Mask2FormerConfig,
        Mask2FormerForUniversalSegmentation,
        Mask2FormerImageProcessorPil,
        SwinConfig,
    )

    torch.manual_seed(0)
    config = Mask2FormerConfig(
        backbone_config=SwinConfig(
            image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1], window_size=2,
            out_features=["stage1", "stage2", "stage3", "stage4"],
        ),
        feature_size=32, mask_feature_size=32, hidden_dim=32, encoder_feedforward_dim=16, encoder_layers=1,
        decoder_layers=2, num_attention_heads=2, dim_feedforward=16, num_queries=12,
        id2label=dict(enumerate(labels)), label2id={name: id for id, name in enumerate(labels)},
    )  # fmt: skip
    model = _lively(Mask2FormerForUniversalSegmentation(config))
    torch.nn.init.normal_(model.class_predictor.weight, 0, 3)
    model.save_pretrained(folder)
    Mask2FormerImageProcessorPil(
        size={"shortest_edge": 64, "longest_edge": 96}, size_divisor=32, ignore_index=255
    ).save_pretrained(folder)
    return folder


def vitpose(folder: Path, experts: int = 1) -> Path:
    from transformers import (
        VitPoseBackboneConfig,
        VitPoseConfig,
        VitPoseForPoseEstimation,
        VitPoseImageProcessorPil,
    )

    torch.manual_seed(0)
    config = VitPoseConfig(
        backbone_config=VitPoseBackboneConfig(
            image_size=[64, 48], patch_size=[16, 16], hidden_size=16, num_hidden_layers=1,
            num_attention_heads=2, num_experts=experts, part_features=4, out_features=["stage1"],
        ),
        num_labels=17,
    )  # fmt: skip
    _lively(VitPoseForPoseEstimation(config)).save_pretrained(folder)
    VitPoseImageProcessorPil(size={"height": 64, "width": 48}).save_pretrained(folder)
    return folder
